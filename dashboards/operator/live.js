// What the page shows, kept as the server renders it: the same URL is fetched again, and only what differs is changed, in
// place, so that focus, selection, scrolling and opened details stay.

/** What the reader has changed and the server does not know of. */
const OWN = new Set(["open", "inert", "hidden", "aria-disabled", "aria-busy", "data-as-of"]);

/** The page as the server renders it now; `null` where it asks to sign in. */
export async function fetched(url = location.href, options = {}) {
  const response = await fetch(url, { cache: "no-store", redirect: "manual", ...options });
  if (response.type === "opaqueredirect" || response.status === 401) return null;
  if (!(response.headers.get("content-type") ?? "").startsWith("text/html")) throw new Error(`${response.status}`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return { page, response };
}

/** Brings the live parts of this page to the state of `fresh`. */
export function renew(fresh) {
  const ids = (page) => [...page.querySelectorAll("[data-live]")].map((part) => part.id).join(" ");
  const whole = ids(document) !== ids(fresh);
  const parts = whole ? document.querySelectorAll("main") : document.querySelectorAll("[data-live]");
  for (const part of parts) {
    const next = whole ? fresh.querySelector("main") : fresh.getElementById(part.id);
    if (next) follow(part, next);
  }
  document.title = fresh.title;
  for (const [name, value] of Object.entries(fresh.documentElement.dataset)) {
    document.documentElement.dataset[name] = value;
  }
}

/** Makes `old` equal to `next` with as few changes as possible. */
export function follow(old, next) {
  for (const { name, value } of next.attributes) {
    if (!OWN.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!OWN.has(name) && !next.hasAttribute(name)) old.removeAttribute(name);
  }
  const wanted = [...next.childNodes];
  const keyed = new Map([...old.children].filter(key).map((child) => [key(child), child]));
  let at = old.firstChild;
  for (const child of wanted) {
    const same = keyed.get(key(child)) ?? (at && !key(at) && alike(at, child) ? at : null);
    if (!same || !alike(same, child)) {
      old.insertBefore(document.importNode(child, true), at);
      continue;
    }
    if (same !== at) old.insertBefore(same, at);
    else at = at.nextSibling;
    if (same.nodeType === Node.ELEMENT_NODE) follow(same, child);
    else if (same.data !== child.data) same.data = child.data;
  }
  while (at) {
    const rest = at;
    at = at.nextSibling;
    rest.remove();
  }
}

const key = (node) => node.id || node.dataset?.key || "";
const alike = (one, other) => one.nodeName === other.nodeName && key(one) === key(other);
