// Whether what the page shows is what the node says now. A state that may be old is never shown as if it were new.

import * as clock from "./clock.js";

/** Without a word for so long the node is gone: it says something every five seconds. */
const SILENCE_MS = 12_000;
/** A stream that breaks and comes back within this time is no news. */
const GRACE_MS = 1_500;
const ACTIONS = "[data-action], a[href^='/drain?'], form[method=post] button, form[method=post] input[type=submit]";

let heard = Date.now();
let broken = null;
let asOf = Date.now();
let lost = false;

/** Something came from the node. */
export function hear() {
  heard = Date.now();
  broken = null;
}

/** The stream broke. */
export function breakOff() {
  broken ??= Date.now();
}

/** What is shown is the state of now. */
export function renewed() {
  asOf = clock.now();
}

/** Whether the node is out of reach. */
export const isLost = () => lost;

/** Judges the connection; `back` is called when it is there again. */
export function judge(back) {
  const now = Date.now();
  const gone = now - heard > SILENCE_MS || (broken !== null && now - broken > GRACE_MS);
  if (gone && !lost) lose(`Disconnected, state as of ${clock.clock(asOf)} UTC`);
  if (!gone && lost) back();
}

/** Whoever reads is asked to sign in again. */
export function signedOut() {
  lose(`Signed out, state as of ${clock.clock(asOf)} UTC: sign in again`);
}

function lose(text) {
  lost = true;
  document.documentElement.dataset.connection = "lost";
  const alert = document.getElementById("connection");
  alert.textContent = text;
  alert.hidden = false;
  for (const part of document.querySelectorAll("[data-live]")) part.dataset.asOf = clock.clock(asOf);
  disable();
}

/** Nothing can be ordered of a node that does not hear. */
export function disable() {
  for (const action of document.querySelectorAll(ACTIONS)) {
    action.setAttribute("aria-disabled", "true");
    action.inert = true;
  }
}

/** What is shown is the state of now again. */
export function restore() {
  lost = false;
  delete document.documentElement.dataset.connection;
  const alert = document.getElementById("connection");
  alert.hidden = true;
  alert.textContent = "";
  for (const part of document.querySelectorAll("[data-as-of]")) delete part.dataset.asOf;
  for (const action of document.querySelectorAll(ACTIONS)) {
    action.removeAttribute("aria-disabled");
    action.inert = false;
  }
}

for (const kind of ["click", "submit"]) {
  document.addEventListener(kind, (event) => {
    if (lost && event.target.closest(ACTIONS + ", form[method=post]")) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, { capture: true });
}
