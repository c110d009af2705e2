/** A swipe of a finger to the left or right, told from a tap, a scroll and a selection. */

/** @typedef {{x: number, y: number, at: number}} Touch a place, in CSS pixels, and a time in milliseconds */

/** CSS pixels that a swipe covers at least, how much longer than high it is, milliseconds it takes at most. */
export const LEAST = 56;
const SLOPE = 2;
const LONGEST = 700;

/** 1: to the left, which brings what is on the right; -1: to the right; 0: no swipe. @param {Touch} from @param {Touch} to */
export function swiped(from, to) {
  const [x, y] = [to.x - from.x, to.y - from.y];
  if (Math.abs(x) < LEAST || Math.abs(x) < SLOPE * Math.abs(y) || to.at - from.at > LONGEST) return 0;
  return x < 0 ? 1 : -1;
}

/** Whether something between an element and a box can itself be scrolled sideways that way. @param {Element | null} element @param {Element} box @param {number} direction */
export function scrolls(element, box, direction) {
  for (let each = element; each && each !== box; each = each.parentElement) {
    const left = each.scrollWidth - each.clientWidth;
    if (left <= 1 || !/auto|scroll/.test(getComputedStyle(each).overflowX)) continue;
    if (direction > 0 ? each.scrollLeft < left - 1 : each.scrollLeft > 1) return true;
  }
  return false;
}
