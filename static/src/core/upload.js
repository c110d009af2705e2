/** What is too long for a message is sent as a file (docs/web.md, "Uploads"). */

const LOST = "The server cannot be reached, so the file was not sent. Try again.";

/**
 * Send a file. `sent` is resolved with its id, or rejected with an Error whose message is a sentence; an upload that was
 * stopped does neither.
 * @param {Blob} file
 * @param {(sent: number) => void} progress bytes so far
 * @param {string} [kind] of the upload
 * @returns {{sent: Promise<string>, stop: () => void}}
 */
export function upload(file, progress, kind = "log") {
  const request = new XMLHttpRequest();
  const sent = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => progress(event.loaded));
    request.addEventListener("load", () => {
      const { id, error } = read(request.responseText);
      if (request.status === 201 && id) resolve(id);
      else reject(new Error(error || `The server answered ${request.status} and did not take the file.`));
    });
    request.addEventListener("error", () => reject(new Error(LOST)));
    request.open("POST", `/api/uploads?kind=${kind}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.send(file);
  });
  return { sent, stop: () => request.abort() };
}

/** @param {string} text @returns {{id?: string, error?: string}} */
function read(text) {
  try {
    const answer = JSON.parse(text);
    return { id: typeof answer?.id === "string" ? answer.id : undefined, error: typeof answer?.error === "string" ? answer.error : undefined };
  } catch {
    return {};
  }
}
