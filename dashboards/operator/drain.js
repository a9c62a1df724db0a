// Orders, in a dialog over the page or on the page of their own. What would happen is shown while one types, and only what was
// shown can be ordered. The server renders all of it; this script asks for it again, and keeps what was typed.

import * as clock from "./clock.js";
import * as connection from "./connection.js";
import { fetched, follow } from "./live.js";

/** After the last key. */
const TYPED_MS = 350;

let form = null;
let dialog = null;
let typed = null;
/** The input that the preview on the page is of; `null` while another one is on its way. */
let previewed = null;
let asked = 0;
/** An order is on its way: what comes of it is what counts, not what would. */
let ordering = false;

/** Finds the form of this page, and has links to it open the dialog. */
export function attach() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='/drain?']");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && !connection.isLost()) {
      event.preventDefault();
      open(link);
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) take(copy);
  });
  if (document.querySelector("main .drain")) adopt(document.querySelector("main"));
}

/** The node's state is another: so may be what would happen. */
export function changed() {
  if (form?.isConnected) preview();
}

async function open(link) {
  const answer = await fetched(link.href).catch(() => null);
  const content = answer?.page.querySelector(".drain");
  if (!content) return location.assign(link.href);
  const before = dialog?.querySelector(".drain");
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.className = "order";
    dialog.setAttribute("aria-labelledby", "drain-title");
    const close = document.createElement("div");
    close.className = "close";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = "Close";
    button.addEventListener("click", () => dialog.close());
    close.append(button);
    dialog.append(close);
    document.body.append(dialog);
  }
  // Closed by mistake, it is there again as it was.
  if (!before || dialog.dataset.of !== link.getAttribute("href")) {
    before?.remove();
    dialog.dataset.of = link.getAttribute("href");
    dialog.append(document.importNode(content, true));
    adopt(dialog);
  }
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("input:not([type=hidden]), select")?.focus();
}

/** Takes the form under `root` into care, or what came of it. */
function adopt(root) {
  for (const copy of root.querySelectorAll("[data-copy]")) copy.hidden = false;
  clock.look();
  form = root.querySelector(".drain form[data-order]");
  if (!form) return;
  previewed = null;
  form.addEventListener("input", input);
  form.addEventListener("submit", submit);
  form.querySelector("[value=preview]").hidden = true;
  preview();
}

/** What is ordered, without what only guards it. */
function wanted() {
  const fields = new URLSearchParams(new FormData(form));
  for (const name of ["confirm", "seen", "csrf"]) fields.delete(name);
  return fields.toString();
}

/** The choice that is meant by whoever types into one of these. */
const CHOICE_OF = { for: ["ends", "for"], until: ["ends", "until"], at: ["start", "at"] };

function input(event) {
  const [choice, value] = CHOICE_OF[event.target.name] ?? [];
  if (choice && event.target.value) form.elements[choice].value = value;
  if (event.target.name !== "confirm") {
    previewed = null;
    clearTimeout(typed);
    typed = setTimeout(preview, TYPED_MS);
  }
  judge();
}

/** Asks what would happen. */
async function preview() {
  clearTimeout(typed);
  if (ordering) return;
  const number = ++asked;
  const of = wanted();
  previewed = null;
  judge();
  const answer = await post("preview");
  if (number !== asked || !form?.isConnected) return;
  if (answer) show(answer.page, of);
  else judge("The preview could not be had.");
}

function show(page, of) {
  const next = page.querySelector("#drain-preview");
  const shown = form.querySelector("#drain-preview");
  if (next && shown) {
    follow(shown, next);
    for (const copy of shown.querySelectorAll("[data-copy]")) copy.hidden = false;
  }
  if (of === wanted()) previewed = of;
  clock.look();
  judge();
}

async function post(step) {
  const body = new URLSearchParams(new FormData(form));
  body.set("step", step);
  try {
    return await fetched(form.action, { method: "POST", body });
  } catch {
    return null;
  }
}

/** What is still missing; the order can be given when nothing is. */
function judge(trouble) {
  const shown = form.querySelector("#drain-preview");
  const order = form.querySelector("[value=order]");
  const fields = new FormData(form);
  const missing = [];
  if (trouble) missing.push(trouble);
  // Lifting needs neither, as on the command line.
  if (fields.get("kind") !== "undrain") {
    if (!(fields.get("reason") ?? "").trim()) missing.push("Say why.");
    if (!fields.get("ends")) missing.push("Say until when.");
  }
  if (ordering) missing.push("Ordering…");
  else if (connection.isLost()) missing.push("The node does not answer.");
  else if (previewed === null) missing.push("The preview is being made.");
  else if ("trouble" in shown.dataset) missing.push("It cannot be ordered like this: see the preview.");
  const confirm = form.querySelector("[name=confirm]");
  if (confirm && confirm.value.trim() !== form.dataset.site) missing.push(`Type ${form.dataset.site} to confirm.`);
  shown.setAttribute("aria-busy", String(previewed === null));
  order.disabled = missing.length > 0;
  form.querySelector("#drain-missing").textContent = missing.join(" ");
}

async function submit(event) {
  event.preventDefault();
  const order = form.querySelector("[value=order]");
  if (order.disabled) return;
  const of = wanted();
  asked++;
  ordering = true;
  judge();
  const answer = await post("order");
  ordering = false;
  if (!form?.isConnected) return;
  if (!answer) {
    previewed = null;
    return judge("It is not known whether the order arrived: look at the standing orders.");
  }
  const done = answer.page.querySelector(".drain [data-done]");
  if (!done) {
    show(answer.page, of);
    if (previewed === null) preview();
    return;
  }
  const whole = form.closest(".drain");
  const outcome = document.importNode(done.closest(".drain"), true);
  whole.replaceWith(outcome);
  form = null;
  if (dialog) delete dialog.dataset.of;
  adopt(outcome.parentElement);
  outcome.querySelector("[data-done]").focus();
}

async function take(button) {
  const text = document.querySelector(button.dataset.copy).textContent.trim();
  await navigator.clipboard.writeText(text).catch(() => {});
  button.textContent = "Copied";
}
