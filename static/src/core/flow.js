/**
 * A layered layout of a control-flow graph: blocks in rows, each below all that lead to it but for the ends of loops, edges
 * as lines through the rows between. The steps are Sugiyama's: rows by the longest way, order by barycentres, then places.
 */

/** @typedef {{from: number, to: number}} Link between nodes, by number */
/** @typedef {{x: number, row: number}} Spot the middle of a node, in units of a node's width */
/** @typedef {{spots: Spot[], width: number, rows: number, bends: number[][], back: boolean[]}} Layout `bends`: of each link x in each row between its ends; `back`: links that lead up */

/** Bends of all links together; with more of them links are drawn straight. */
const MOST_BENDS = 30000;
const SWEEPS = 6;

/** The nodes in reverse postorder, from 0 on and then from those that nothing leads to. @param {number} count @param {number[][]} after */
function ordered(count, after) {
  const done = new Uint8Array(count);
  /** @type {number[]} */
  const order = [];
  for (let root = 0; root < count; root++) {
    if (done[root]) continue;
    done[root] = 1;
    /** @type {[number, number][]} */
    const stack = [[root, 0]];
    /** @type {number[]} */
    const post = [];
    while (stack.length) {
      const top = stack[stack.length - 1];
      const next = after[top[0]][top[1]++];
      if (next === undefined) {
        post.push(top[0]);
        stack.pop();
      } else if (!done[next]) {
        done[next] = 1;
        stack.push([next, 0]);
      }
    }
    order.push(...post.reverse());
  }
  return order;
}

/** @param {number} count nodes @param {Link[]} links @returns {Layout} */
export function layered(count, links) {
  /** @type {number[][]} */
  const after = Array.from({ length: count }, () => []);
  for (const { from, to } of links) after[from].push(to);
  const order = ordered(count, after.map((list) => [...list].reverse()));
  const number = new Int32Array(count);
  for (const [i, node] of order.entries()) number[node] = i;
  const back = links.map(({ from, to }) => number[to] <= number[from]);
  const row = new Int32Array(count);
  /** @type {number[][]} */
  const ahead = Array.from({ length: count }, () => []);
  for (const [i, { from, to }] of links.entries()) if (!back[i]) ahead[from].push(to);
  for (const node of order) for (const to of ahead[node]) row[to] = Math.max(row[to], row[node] + 1);
  const rows = count ? Math.max(...chunked(row)) + 1 : 0;

  // Nodes first, then a bend for each row that a link crosses.
  let total = count;
  const spans = links.map(({ from, to }, i) => (back[i] ? 0 : Math.max(0, row[to] - row[from] - 1)));
  const bent = spans.reduce((sum, each) => sum + each, 0) <= MOST_BENDS;
  const first = links.map((_, i) => {
    const at = total;
    if (bent) total += spans[i];
    return at;
  });
  const rowOf = new Int32Array(total);
  rowOf.set(row);
  /** @type {number[][]} */
  const up = Array.from({ length: total }, () => []);
  /** @type {number[][]} */
  const down = Array.from({ length: total }, () => []);
  const join = (/** @type {number} */ a, /** @type {number} */ b) => {
    down[a].push(b);
    up[b].push(a);
  };
  for (const [i, { from, to }] of links.entries()) {
    if (back[i]) continue;
    let last = from;
    for (let k = 0; bent && k < spans[i]; k++) {
      rowOf[first[i] + k] = row[from] + 1 + k;
      join(last, first[i] + k);
      last = first[i] + k;
    }
    join(last, to);
  }
  /** @type {number[][]} */
  const lanes = Array.from({ length: rows }, () => []);
  for (const node of order) lanes[row[node]].push(node);
  for (let node = count; node < total; node++) lanes[rowOf[node]].push(node);
  const x = placed(lanes, up, down, count, total);
  const width = total ? Math.max(...chunked(x)) + 0.5 : 0;
  return {
    spots: Array.from({ length: count }, (_, node) => ({ x: x[node], row: row[node] })),
    width,
    rows,
    bends: links.map((_, i) => (bent ? Array.from({ length: spans[i] }, (_bend, k) => x[first[i] + k]) : [])),
    back,
  };
}

/** The largest of parts of a long list: `Math.max` takes only so many arguments. @param {Int32Array | Float64Array} list */
function chunked(list) {
  const found = [];
  for (let i = 0; i < list.length; i += 4096) found.push(Math.max(...list.subarray(i, i + 4096)));
  return found;
}

/** A bend takes less room than a node. @param {number} node @param {number} count */
const half = (node, count) => (node < count ? 0.5 : 0.12);

/**
 * Order the nodes of each row and say where they are.
 * @param {number[][]} lanes
 * @param {number[][]} up
 * @param {number[][]} down
 * @param {number} count
 * @param {number} total
 */
function placed(lanes, up, down, count, total) {
  const x = new Float64Array(total);
  const spread = (/** @type {number[]} */ lane) => {
    let at = 0;
    for (const node of lane) {
      x[node] = at + half(node, count);
      at += 2 * half(node, count) + 0.08;
    }
  };
  for (const lane of lanes) spread(lane);
  const middle = (/** @type {number} */ node, /** @type {number[][]} */ sides) => {
    const list = sides[node];
    return list.length ? list.reduce((sum, each) => sum + x[each], 0) / list.length : x[node];
  };
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const falls = sweep % 2 === 0;
    for (const lane of falls ? lanes : [...lanes].reverse()) {
      const key = new Map(lane.map((node) => [node, middle(node, falls ? up : down)]));
      lane.sort((a, b) => Number(key.get(a)) - Number(key.get(b)));
      settle(lane, key, x, count);
    }
  }
  let least = Infinity;
  for (let node = 0; node < total; node++) least = Math.min(least, x[node] - half(node, count));
  for (let node = 0; node < total; node++) x[node] -= least;
  return x;
}

/**
 * Put the nodes of a row as near as possible to where they want to be, in their order and without touching: groups of
 * nodes that would overlap share the mean of what they want.
 * @param {number[]} lane
 * @param {Map<number, number>} want
 * @param {Float64Array} x
 * @param {number} count
 */
function settle(lane, want, x, count) {
  /** @type {{nodes: number[], offsets: number[], width: number, sum: number}[]} */
  const groups = [];
  for (const node of lane) {
    const own = half(node, count);
    let group = { nodes: [node], offsets: [own], width: 2 * own, sum: Number(want.get(node)) - own };
    for (let last = groups.at(-1); last && last.sum / last.nodes.length + last.width + 0.08 > group.sum / group.nodes.length; last = groups.at(-1)) {
      groups.pop();
      const shift = last.width + 0.08;
      group = {
        nodes: last.nodes.concat(group.nodes),
        offsets: last.offsets.concat(group.offsets.map((each) => each + shift)),
        width: shift + group.width,
        sum: last.sum + group.sum - group.nodes.length * shift,
      };
    }
    groups.push(group);
  }
  for (const { nodes, offsets, sum } of groups) for (const [i, node] of nodes.entries()) x[node] = sum / nodes.length + offsets[i];
}
