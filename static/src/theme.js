// Runs before the first paint, so that a chosen theme never flashes the other one.
try {
  // An address may have chosen one.
  const theme = document.documentElement.dataset.theme ? null : localStorage.getItem("bpfscope.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden: the system's theme is used.
}
