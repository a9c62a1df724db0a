// Times that pass while nobody reloads: "(in 3 h 59 min)" and "(5 min ago)" behind a moment, by the node's clock.

const DISTANCE = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) \((?:in [^()]*|[^()]* ago|now)\)/g;
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

let ahead = 0;
let passing = [];

/** The node says that it is `time`. */
export function set(time) {
  ahead = Date.parse(time) - Date.now();
}

/** The node's time in milliseconds. */
export const now = () => Date.now() + ahead;

/** A time in milliseconds as HH:MM:SS, UTC. */
export const clock = (time) => new Date(time).toISOString().slice(11, 19);

/** `moment` as seen from now, in the words of the server. */
function distance(moment) {
  const away = Math.trunc((Date.parse(moment) - now()) / 1000);
  if (away === 0) return "now";
  return away > 0 ? `in ${span(away)}` : `${span(-away)} ago`;
}

function span(seconds) {
  const parts = [];
  for (const [unit, length] of UNITS) {
    const count = Math.floor(seconds / length);
    seconds %= length;
    if (count > 0) parts.push(`${count} ${unit}`);
    if (parts.length === 2 || (parts.length === 1 && count === 0)) break;
  }
  return parts.join(" ");
}

/** Finds the times of the page anew. */
export function look() {
  passing = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    if (texts.currentNode.data.search(DISTANCE) >= 0) passing.push(texts.currentNode);
  }
  tick();
}

/** Brings them up to date. */
export function tick() {
  const selection = getSelection();
  for (const element of document.querySelectorAll("[data-distance]")) {
    const next = distance(element.dataset.distance);
    if (element.textContent !== next) element.textContent = next;
  }
  for (const text of passing) {
    // A text that changes under a selection loses it.
    if (!selection.isCollapsed && selection.containsNode(text, true)) continue;
    const next = text.data.replace(DISTANCE, (_, moment) => `${moment} (${distance(moment)})`);
    if (next !== text.data) text.data = next;
  }
}
