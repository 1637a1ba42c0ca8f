// Times count in the browser by the server's domain clock, and one banner says when nothing was heard from it.
// <time data-until="ISO">: counts down, then up with a word. <time data-since="ISO">: counts up.
// A page that hears from the server otherwise than by htmx says so by divertHeard(now, rate).
// An element with data-now (and data-rate) in what was swapped in sets the clock again; other scripts ask divertNow().
// The same banner says for as long as it lasts that the session of whoever looks is over, which the header x-session tells.
// Its link leads back to the page that it stands on.
// The banner's data-says, data-over, data-session-over and data-session-grace hold its words in another language than
// English. Other scripts ask divertTold(response) whether an answer says how things stand.
"use strict";

(() => {
  const QUIET_AFTER = 6000;
  const clock = { at: 0, from: 0, rate: 1 };
  const ENDED = {
    over: "Your session is over: sign in again. Nothing new reaches this page.",
    grace: "Your session is over: sign in again. Only what is most urgent reaches this page.",
  };
  let heard = performance.now();
  let session = "";

  function set(iso, rate) {
    clock.at = Date.parse(iso);
    clock.from = performance.now();
    clock.rate = Number(rate) || 1;
  }

  function now() {
    return clock.at + (performance.now() - clock.from) * clock.rate;
  }

  globalThis.divertNow = now;
  globalThis.divertHeard = (iso, rate) => {
    heard = performance.now();
    session = "";
    if (Date.parse(iso) > clock.at) set(iso, rate);
  };

  // Neither a refusal tells anything nor what is answered to a session that is over.
  function told(response) {
    return Boolean(response) && response.status < 400 && response.headers.get("x-session") !== "over";
  }

  globalThis.divertTold = told;

  function spelt(milliseconds) {
    const seconds = Math.floor(Math.abs(milliseconds) / 1000);
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    const two = (number) => String(number).padStart(2, "0");
    return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  }

  function put(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function tell() {
    const at = now();
    const banner = document.getElementById("stale");
    const over = banner?.dataset.over ?? "over";
    for (const one of document.querySelectorAll("time[data-until]")) {
      const left = Date.parse(one.dataset.until) - at;
      put(one, left >= 0 ? spelt(left) : `${spelt(left)} ${one.dataset.over ?? over}`.trim());
      one.classList.toggle("over", left < 0);
      one.classList.toggle("near", left >= 0 && left < 30000);
    }
    for (const one of document.querySelectorAll("time[data-since]")) {
      put(one, spelt(Math.max(0, at - Date.parse(one.dataset.since))));
    }
    for (const one of document.querySelectorAll("time[data-clock]")) {
      put(one, new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: one.dataset.clock }).format(at));
    }
    if (banner) {
      const silent = performance.now() - heard;
      const old = banner.dataset.watch !== undefined && silent > QUIET_AFTER;
      const says = banner.dataset.says ?? "Last heard {n} s ago; reconnecting.";
      const words = { over: banner.dataset.sessionOver, grace: banner.dataset.sessionGrace };
      if (session) put(banner.querySelector("span"), words[session] ?? ENDED[session]);
      else if (old) put(banner.querySelector("span"), says.replace("{n}", Math.floor(silent / 1000)));
      banner.classList.toggle("ended", session !== "");
      banner.hidden = !old && !session;
    }
  }

  const meta = document.querySelector('meta[name="clock"]');
  set(meta.content, meta.dataset.rate);

  document.addEventListener("htmx:after:request", (event) => {
    const response = event.detail.ctx.response;
    if (!response) return;
    if (told(response)) heard = performance.now();
    if (told(response) || response.headers.has("x-session")) session = response.headers.get("x-session") ?? "";
    if (session) {
      const back = encodeURIComponent(location.pathname + location.search);
      for (const link of document.querySelectorAll('#stale a[href^="/sign-in"]')) link.href = `/sign-in?to=${back}`;
    }
    tell();
  });
  document.addEventListener("htmx:before:swap", (event) => {
    const response = event.detail.ctx.response;
    const kind = response ? response.headers.get("content-type") || "" : "";
    if (response && !kind.startsWith("text/html")) event.preventDefault();
  });
  document.addEventListener("htmx:after:swap", () => {
    const told = [...document.querySelectorAll("[data-now]")].pop();
    if (told && Date.parse(told.dataset.now) > clock.at) set(told.dataset.now, told.dataset.rate);
    tell();
  });

  tell();
  setInterval(tell, 250);
})();
