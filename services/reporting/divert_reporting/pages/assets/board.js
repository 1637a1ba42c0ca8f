// The board follows the server: what has changed comes as HTML over one event stream and is put where it belongs.
// Strips are moved by the number of their place, never in the document while somebody acts on their lane.
"use strict";

(() => {
  const board = document.getElementById("board");
  const sheet = document.getElementById("sheet");
  const ask = document.getElementById("ask");
  const filter = document.querySelector(".filter");
  const announced = document.getElementById("announced");
  const wall = board.classList.contains("wall");
  const PLACES = 200;
  const AGAIN = 5000;
  const AT_REST = 10000;
  let stream;

  // ------------------------------------------------------------------------------------------------- following

  function follow() {
    if (stream) stream.close();
    stream = new EventSource(`/board/live?${board.dataset.query}`);
    let whole = true;
    stream.onmessage = (event) => {
      const news = JSON.parse(event.data);
      globalThis.divertHeard(news.now, news.rate);
      take(news, whole);
      whole = false;
    };
    // After a break the browser asks again by itself, and is sent everything.
    stream.onopen = () => (whole = true);
    // Not after a refusal: a board that is on a wall is signed in again, or the server comes back.
    stream.onerror = () => {
      if (stream.readyState === EventSource.CLOSED) setTimeout(follow, AGAIN);
    };
  }

  function take(news, whole) {
    for (const [name, html] of Object.entries(news.parts || {})) part(name, html);
    for (const [lane, calls] of Object.entries(news.lanes || {})) order(lane, calls, news.cards || {}, whole);
    for (const [call, html] of Object.entries(news.cards || {})) card(call, html);
  }

  const waiting = new Map();
  const urgent = {}; // what somebody has just changed is shown at once

  // A pointer or a focus that was left somewhere holds nothing: who comes back to the board finds it as it is.
  let acted = -Infinity;
  for (const kind of ["pointermove", "pointerdown", "wheel", "keydown"]) {
    addEventListener(kind, () => (acted = performance.now()), { capture: true, passive: true });
  }

  function held(place, how = ":hover, :focus-within") {
    return performance.now() - acted < AT_REST && place.matches(how);
  }

  function part(name, html) {
    const place = document.getElementById(name === "today" ? "today-numbers" : name);
    if (!place) return;
    // Morphing keeps the focus, but not what lies under the pointer.
    if (place.dataset.hold !== undefined && !wall && held(place, ":hover") && !(name in urgent)) {
      waiting.set(name, html);
      if (name === "alarms") tellAlarms(html);
      return;
    }
    waiting.delete(name);
    delete urgent[name];
    if (name === "alarms") tellAlarms(html);
    put(place, html);
    if (name === "today") chart();
  }

  function put(place, html) {
    htmx.swap({ sourceElement: place, target: place, text: html, swap: "innerMorph" });
  }

  function card(call, html) {
    const strip = document.getElementById(`s-${call}`);
    if (strip) put(strip, html);
  }

  // --------------------------------------------------------------------------------------------------- strips

  const wanted = new Map();

  function at(strip, place) {
    const name = `p${place}`;
    if (strip.dataset.place === name) return;
    if (strip.dataset.place) strip.classList.remove(strip.dataset.place);
    strip.classList.add(name);
    strip.dataset.place = name;
  }

  function order(lane, calls, cards, whole) {
    wanted.set(lane, calls);
    const section = document.querySelector(`.lane[data-lane="${CSS.escape(lane)}"]`);
    const list = section && section.querySelector(".strips");
    if (!list) return;
    const there = new Map([...list.children].map((one) => [one.id.slice(2), one]));
    const fresh = calls.filter((call) => !there.has(call) && call in cards);
    for (const call of fresh) {
      const strip = document.createElement("li");
      strip.id = `s-${call}`;
      strip.className = whole ? "strip" : "strip new";
      list.append(strip);
      there.set(call, strip);
    }
    settle(section, list, there, calls);
  }

  // While somebody acts on a lane its strips keep their places: new ones come last, those that are gone fade.
  function settle(section, list, there, calls) {
    const acting = held(section) && there.size < 2 * PLACES;
    const keep = new Set(calls);
    let next = calls.length;
    if (acting) {
      const before = [...there.values()].filter((one) => one.dataset.place || /\bp\d+\b/.test(one.className));
      next = before.length;
      for (const [call, strip] of there) {
        strip.classList.toggle("gone", !keep.has(call));
        if (!before.includes(strip)) at(strip, Math.min(next++, PLACES - 1));
      }
      section.dataset.unsettled = "";
    } else {
      delete section.dataset.unsettled;
      const focused = list.contains(document.activeElement) ? document.activeElement : null;
      for (const [call, strip] of there) if (!keep.has(call)) strip.remove();
      calls.forEach((call, place) => {
        const strip = there.get(call);
        if (!strip) return;
        strip.classList.remove("gone");
        at(strip, place);
        if (list.children[place] !== strip) list.insertBefore(strip, list.children[place] || null);
      });
      // A strip that is moved in the document loses the focus; of one that is gone its lane gets it.
      if (focused && focused !== document.activeElement) {
        (focused.isConnected ? focused : list.closest(".scroll")).focus({ preventScroll: true });
      }
    }
    const number = Math.min(acting ? next : calls.length, PLACES);
    if (list.dataset.number !== String(number)) {
      list.classList.remove(...[...list.classList].filter((one) => /^n\d+$/.test(one)));
      list.classList.add(`n${number}`);
      list.dataset.number = String(number);
      // The height is set by script: a policy that allows no style in markup allows it here.
      list.style.height = `calc(${number} * var(--strip))`;
    }
  }

  function release() {
    for (const section of document.querySelectorAll(".lane[data-unsettled]")) {
      if (held(section)) continue;
      const list = section.querySelector(".strips");
      const there = new Map([...list.children].map((one) => [one.id.slice(2), one]));
      settle(section, list, there, wanted.get(section.dataset.lane) || []);
    }
    for (const [name, html] of [...waiting]) {
      const place = document.getElementById(name);
      if (place && !held(place, ":hover")) {
        waiting.delete(name);
        put(place, html);
      }
    }
  }

  for (const list of document.querySelectorAll(".strips")) {
    [...list.children].forEach((one, place) => (one.dataset.place = `p${place}`));
    list.style.height = `calc(${list.children.length} * var(--strip))`;
  }
  setInterval(release, 400);

  // --------------------------------------------------------------------------------------- what rings is said

  const rung = new Set([...document.querySelectorAll(".bell")].map((one) => one.id));

  function tellAlarms(html) {
    const seen = new DOMParser().parseFromString(html, "text/html").querySelectorAll(".bell:not(.seen)");
    const fresh = [...seen].filter((one) => !rung.has(one.id));
    for (const one of fresh) rung.add(one.id);
    if (!fresh.length) return;
    const words = [...new Set(fresh.map((one) => one.querySelector("b").textContent))];
    announced.textContent = `${fresh.length} new ${fresh.length === 1 ? "alarm" : "alarms"}: ${words.join(", ")}.`;
  }

  // ----------------------------------------------------------------------------------------------- the filter

  function address(query, call) {
    const parameters = new URLSearchParams(query);
    if (wall) parameters.set("wall", "");
    if (call) parameters.set("call", call);
    const text = parameters.toString();
    return text ? `/?${text}` : "/";
  }

  // Another filter is another page: it is asked for whole, so that the address says all there is to say.
  function narrow(changes) {
    const parameters = new URLSearchParams(board.dataset.query);
    for (const [name, value] of new URLSearchParams(changes)) {
      if (value) parameters.set(name, value);
      else parameters.delete(name);
    }
    location.assign(address(parameters));
  }

  if (filter) {
    filter.addEventListener("change", () => {
      const said = new FormData(filter);
      narrow(["stage", "division", "provider", "acuity", "late"].map((one) => `${one}=${encodeURIComponent(said.get(one) || "")}`).join("&"));
    });
  }

  // ------------------------------------------------------------------------------------------------ the sheet

  let opener = null;

  function look(call, push) {
    if (!sheet) return;
    document.getElementById("sheet-page").href = `/calls/${call}`;
    const body = document.getElementById("sheet-body");
    if (!sheet.open) {
      opener = document.activeElement;
      body.replaceChildren();
      sheet.showModal();
    }
    sheet.dataset.call = call;
    if (push) history.pushState({ call }, "", address(board.dataset.query, call));
    fill(call);
  }

  function fill(call) {
    return htmx.ajax("GET", `/board/calls/${call}`, { target: "#sheet-body", swap: "innerMorph" });
  }

  if (sheet) {
    sheet.addEventListener("close", () => {
      delete sheet.dataset.call;
      history.replaceState({}, "", address(board.dataset.query));
      if (opener && opener.isConnected) opener.focus();
    });
    setInterval(() => {
      if (sheet.open && document.querySelector("#sheet-body [data-open]")) fill(sheet.dataset.call);
    }, 3000);
    addEventListener("popstate", () => {
      const call = new URLSearchParams(location.search).get("call");
      if (call) look(call, false);
      else if (sheet.open) sheet.close();
    });
    if (board.dataset.call) look(board.dataset.call, false);
  }

  // ---------------------------------------------------------------------------------------------- seeing to it

  function asked(button) {
    const form = document.getElementById("ask-form");
    form.elements.alarm.value = button.dataset.ask;
    document.getElementById("ask-about").textContent = button.dataset.about;
    document.getElementById("ask-wrong").hidden = true;
    ask.showModal();
    const by = form.elements.by;
    if (by.value) form.querySelector("[name=note]").focus();
    else by.focus();
  }

  async function refused(answer) {
    if (answer.status >= 500) return "No answer in time: look before you do it again.";
    if (answer.status === 401) return "Sign in again first.";
    const problem = await answer.json();
    return problem.detail || problem.title;
  }

  if (ask) {
    document.getElementById("ask-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const form = event.target;
      const said = new URLSearchParams(new FormData(form, event.submitter));
      const wrong = document.getElementById("ask-wrong");
      try {
        const answer = await fetch("/board/alarms", { method: "POST", body: said, headers: { "HX-Request": "true" } });
        const text = answer.ok ? await answer.text() : await refused(answer);
        if (answer.ok) {
          urgent.alarms = true;
          ask.close();
          document.getElementById("alarms").focus();
          announced.textContent = text;
          return;
        }
        wrong.textContent = text;
      } catch {
        wrong.textContent = "The board is not to be reached just now. Nothing was written down.";
      }
      wrong.hidden = false;
    });
  }

  // --------------------------------------------------------------------------------------- pointer and keyboard

  document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const close = event.target.closest("[data-close]");
    if (close) return close.closest("dialog").close();
    const button = event.target.closest("[data-ask]");
    if (button) return asked(button);
    const narrower = event.target.closest("[data-filter]");
    if (narrower) {
      event.preventDefault();
      return narrow(narrower.dataset.filter);
    }
    const one = event.target.closest("a[data-call]");
    if (one && sheet) {
      event.preventDefault();
      look(one.dataset.call, true);
    }
  });

  function strips() {
    return [...document.querySelectorAll(".lane")].map((lane) =>
      [...lane.querySelectorAll(".strip")]
        .sort((a, b) => Number(a.dataset.place?.slice(1)) - Number(b.dataset.place?.slice(1)))
        .map((one) => one.querySelector("a")),
    );
  }

  function step(across, down) {
    const lanes = strips();
    let lane = lanes.findIndex((one) => one.includes(document.activeElement));
    let row = lane < 0 ? -1 : lanes[lane].indexOf(document.activeElement);
    if (lane < 0) [lane, row] = [lanes.findIndex((one) => one.length), 0];
    else if (down) row += down;
    else {
      do lane += across;
      while (lanes[lane] && !lanes[lane].length);
    }
    const target = lanes[lane]?.[Math.min(row, lanes[lane].length - 1)];
    if (target) target.focus();
  }

  const STEPS = { j: [0, 1], arrowdown: [0, 1], k: [0, -1], arrowup: [0, -1], arrowright: [1, 0], arrowleft: [-1, 0] };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=checkbox]), select")) return;
    const key = event.key.toLowerCase();
    const open = document.querySelector("dialog[open]");
    if (!open && key in STEPS && !wall && !event.target.closest(".alarms, .providers, .pipeline")) {
      event.preventDefault();
      return step(...STEPS[key]);
    }
    const one = (open || document).querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (one && key !== "escape") {
      event.preventDefault();
      one.click();
    }
  });

  // ------------------------------------------------------------------------------------------------- the chart

  let drawn;

  function chart() {
    const place = document.getElementById("chart");
    const table = document.querySelector("#today-numbers [data-hours]");
    if (!place || !table || !place.clientWidth) return;
    const numbers = (text) => text.split(",").map(Number);
    const hours = [...Array(24).keys()];
    const soFar = numbers(table.dataset.hours);
    const values = [hours, numbers(table.dataset.before), hours.map((hour) => soFar[hour] ?? null)];
    if (drawn) return drawn.setData(values);
    const colour = (name) => {
      place.style.color = `var(--${name})`;
      return getComputedStyle(place).color;
    };
    const [text, quiet, line, action] = ["text", "quiet", "line", "action"].map(colour);
    const axis = { stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px Inter" };
    drawn = new uPlot(
      {
        width: place.clientWidth,
        height: place.clientHeight - 4,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(4, high * 1.1)] } },
        axes: [
          { ...axis, values: (_, ticks) => ticks.map((hour) => `${hour}`), size: 24 },
          { ...axis, size: 44 },
        ],
        series: [
          {},
          { stroke: quiet, width: 2, dash: [4, 4], points: { show: false } },
          { stroke: action, fill: "transparent", width: 3, points: { show: false } },
        ],
      },
      values,
      place,
    );
    place.style.color = text;
  }

  function redraw() {
    if (drawn) drawn.destroy();
    drawn = undefined;
    chart();
  }

  addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  chart();
  follow();
})();
