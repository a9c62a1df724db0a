// The node's events, one connection for all tabs of a browser.
//
// Browsers open six connections to a server at most, and a stream holds one for ever. So the tabs share one: whoever holds
// the lock reads it and tells the others; when that tab is closed, the lock goes to the next one.

const LOCK = "waypost-events";
const URL = "/api/v1/events?follow=1";
/** From a stream that the node refused to the next try. */
const RETRY_MS = 2000;

/**
 * Reads events until the page goes away.
 * @param after id of the newest event that the page knows
 * @param hear called with `{kind: "event" | "beat", data}` and, where the connection breaks, `{kind: "broken"}`
 */
export function follow(after, hear) {
  const channel = new BroadcastChannel(LOCK);
  let seen = after;
  let source;

  const tell = (message) => {
    channel.postMessage(message);
    take(message);
  };
  const take = (message) => {
    if (message.kind === "event") seen = Math.max(seen, message.data.id);
    hear(message);
  };
  channel.onmessage = ({ data }) => take(data);

  const read = () => {
    source?.close();
    source = new EventSource(`${URL}&after=${seen}`);
    source.onmessage = ({ data }) => tell({ kind: "event", data: JSON.parse(data) });
    source.addEventListener("beat", ({ data }) => tell({ kind: "beat", data: JSON.parse(data) }));
    source.onerror = () => {
      tell({ kind: "broken" });
      // A refusal is final to the browser, not to us.
      if (source.readyState === EventSource.CLOSED) setTimeout(read, RETRY_MS);
    };
  };
  if (!navigator.locks) return read();
  navigator.locks.request(LOCK, () => {
    read();
    return new Promise(() => {});
  });
}
