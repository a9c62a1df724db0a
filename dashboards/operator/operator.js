// The live layer over pages that are whole without it: state that is never older than it says, times that pass, and the
// dialog in which orders are given.

import * as clock from "./clock.js";
import * as connection from "./connection.js";
import * as drain from "./drain.js";
import { fetched, renew } from "./live.js";
import { follow } from "./stream.js";

/** What happens together is shown together. */
const TOGETHER_MS = 200;
/** Latencies and loads move without events. */
const AT_LEAST_MS = 30_000;
/** Between two announcements, so that a storm is not read out. */
const QUIET_MS = 5_000;

const root = document.documentElement;
let planned = null;
let running = false;
let stale = false;
let refreshed = Date.now();
let announced = 0;

function plan() {
  stale = true;
  planned ??= setTimeout(refresh, TOGETHER_MS);
}

/** Fetches the page again and shows what differs. */
async function refresh() {
  planned = null;
  if (running) return;
  running = true;
  stale = false;
  try {
    const answer = await fetched();
    if (!answer) return connection.signedOut();
    const before = verdict();
    renew(answer.page);
    clock.look();
    refreshed = Date.now();
    connection.hear();
    connection.renewed();
    if (connection.isLost()) connection.restore();
    if (verdict() !== before) announce(verdict());
    drain.changed();
  } catch {
    connection.breakOff();
  } finally {
    running = false;
    if (stale) plan();
  }
}

const verdict = () => document.querySelector("#state .said")?.textContent ?? "";

function announce(text) {
  const now = Date.now();
  const wait = Math.max(0, announced + QUIET_MS - now);
  announced = now + wait;
  setTimeout(() => {
    document.getElementById("announcer").textContent = verdict() || text;
  }, wait);
}

function hear({ kind, data }) {
  if (kind === "broken") return connection.breakOff();
  connection.hear();
  if (kind === "beat") {
    clock.set(data.time);
    const shown = root.dataset.generation === data.generation && Number(root.dataset.lastEvent) >= data.last_event;
    if (shown && !connection.isLost()) connection.renewed();
    else plan();
  } else {
    plan();
  }
}

function look() {
  clock.tick();
  connection.judge(plan);
  if (Date.now() - refreshed > AT_LEAST_MS && !document.hidden && !connection.isLost()) plan();
}

clock.look();
drain.attach();
// Pages that say nothing of the node, as for signing in, have nothing to follow.
if (root.dataset.generation) {
  setInterval(look, 1000);
  document.addEventListener("visibilitychange", look);
  follow(Number(root.dataset.lastEvent), hear);
}
root.dataset.live = "";
