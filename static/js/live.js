// Live events (/events/): of all tabs of a browser one listens and tells the others, since a browser opens only few
// connections to one server. A page hears them as events of its body: live-notification, live-queue, live-again.
(() => {
  const body = document.body;
  const address = body.dataset.events;
  if (!address || !window.EventSource) return;
  const others = window.BroadcastChannel ? new BroadcastChannel("live") : null;
  let waiting = false; // something happened while nobody looked

  const hear = ({ name, data }) => {
    if (name !== "notification") { htmx.trigger(body, `live-${name}`); return; }
    htmx.trigger(body, "live-notification");
    if (document.hidden) waiting = true;
    else if (window.toasts) htmx.ajax("GET", body.dataset.notice.replace("/0/", `/${data.id}/`), { source: body, swap: "none" });
  };
  others?.addEventListener("message", (event) => hear(event.data));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !waiting) return;
    waiting = false;
    htmx.trigger(body, "live-again");
  });

  const listen = () => new Promise(() => { // never done: the lock is held as long as the page is open
    const stream = new EventSource(`${address}?since=${body.dataset.made}`);
    for (const name of ["notification", "queue", "again"]) {
      stream.addEventListener(name, (event) => {
        const told = { name, data: JSON.parse(event.data) };
        others?.postMessage(told);
        hear(told);
      });
    }
    addEventListener("pagehide", () => stream.close());
  });
  if (navigator.locks) navigator.locks.request("live-events", listen); else listen();

  // Rows of the queue that somebody else has decided say so where they stand; nothing moves.
  const mark = () => {
    const rows = [...document.querySelectorAll("#queue-list [data-row]")].filter((row) => !row.querySelector("[data-gone]"));
    const ids = rows.map((row) => row.id.replace("item-", ""));
    if (ids.length) htmx.ajax("GET", `${body.dataset.gone}?items=${ids.join(",")}`, { source: body, swap: "none" });
  };
  body.addEventListener("live-queue", mark);
  body.addEventListener("live-again", mark);
})();
