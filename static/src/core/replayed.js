/** Which events of a recording could not be replayed, and why: all else of the recording stays and can be stepped. */

/** @import { Stages } from "./store.js" */

/** Events by their numbers from 0, as a person counts them. @param {number[]} events */
const named = (events) => (events.length === 1 ? `Event ${events[0] + 1}` : `Events ${ranges(events).join(", ")}`);

/** Numbers in a row as "2 to 5". @param {number[]} events */
function ranges(events) {
  /** @type {[number, number][]} */
  const found = [];
  for (const each of events) {
    const last = found.at(-1);
    if (last?.[1] === each - 1) last[1] = each;
    else found.push([each, each]);
  }
  return found.map(([first, last]) => (first === last ? `${first + 1}` : `${first + 1} to ${last + 1}`));
}

/** Whether events are still being replayed, or never will be. @param {Stages["run"]} run */
export const unfinished = (run) => Boolean(run?.runs && run.recorded?.replayed);

/**
 * What of a recording is not told, a sentence each.
 * @param {Stages["run"]} run
 * @param {string} rest why events are missing that were not replayed before the run ended; "": it goes on, or none are
 */
export function notReplayed(run, rest) {
  const said = (run?.recorded?.lacking ?? []).map(({ events, why }) => `${named(events)} could not be replayed in full, and ${events.length === 1 ? "has its" : "have their"} steps without calls and memory. ${why}`);
  const first = run?.recorded?.replayed ?? 0;
  const all = run?.runs?.length ?? 0;
  if (rest && first && first < all) said.push(`${named(Array.from({ length: all - first }, (_, i) => first + i))} could not be replayed. ${rest}`);
  return said;
}

/** Whether an event is one of those that were not replayed before the run ended. @param {Stages["run"]} run @param {string} rest @param {number} event */
export const missing = (run, rest, event) => Boolean(rest) && unfinished(run) && event >= (run?.recorded?.replayed ?? 0);
