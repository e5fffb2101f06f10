// Brings newer results into the page that is open, without losing the reader's place. Every page works without it.
"use strict";

(() => {
  // Seconds between two questions, and after failures at most. An unchanged page costs the daemon a hash (304).
  const EVERY = 5;
  const EVERY_AT_MOST = 60;
  // How long an answer may take, and how long somebody types before the rows follow.
  const PATIENCE = 20_000;
  const TYPING = 300;

  const live = document.getElementById("live");
  const age = document.getElementById("age");
  let tag = null;
  let updated = Date.now();
  let lostSince = null;
  let wait = EVERY;
  let timer = 0;
  let asking = null;

  // ---- what the page says of itself ---------------------------------------------------------------------------------

  // `live` is read out when it changes, so it says only what a reader must know; `age` counts silently beside it.
  function tell(words) {
    if (live.textContent !== words) live.textContent = words;
  }

  function span(seconds) {
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    return `${Math.floor(seconds / 3600)} h`;
  }

  function showAge() {
    const words = `updated ${span(Math.max(0, Math.round((Date.now() - updated) / 1000)))} ago`;
    if (age.textContent !== words) age.textContent = words;
  }

  function lost() {
    lostSince ??= new Date();
    document.documentElement.classList.add("lost");
    tell(`connection lost since ${lostSince.toTimeString().slice(0, 8)}`);
  }

  function reached() {
    updated = Date.now();
    wait = EVERY;
    if (lostSince) tell("connected again");
    lostSince = null;
    document.documentElement.classList.remove("lost");
    showAge();
  }

  // ---- from the old page to the new one -----------------------------------------------------------------------------

  // Changes `from` into `to` where they differ and nowhere else: what did not change keeps focus, selection, scroll
  // position, open details and half-typed text.
  function become(from, to) {
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || from.id !== to.id) {
      const fresh = document.importNode(to, true);
      from.replaceWith(fresh);
      return;
    }
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.data !== to.data) from.data = to.data;
      return;
    }
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !kept(from, name)) from.removeAttribute(name);
    }
    for (const { name, value } of [...to.attributes]) {
      if (from.getAttribute(name) !== value && !kept(from, name)) from.setAttribute(name, value);
    }
    children(from, to);
  }

  // What a reader, and not the daemon, decides.
  function kept(element, name) {
    return (name === "open" && element.nodeName === "DETAILS")
      || (name === "hidden" && element.dataset.copy !== undefined)
      || (name === "value" && element === document.activeElement);
  }

  // What an element is about among its siblings, for those that move: a group of the table is about its target.
  function subject(node) {
    if (node.nodeName === "TBODY") return node.querySelector("th a")?.getAttribute("href") ?? null;
    return node.id || node.dataset?.key || null;
  }

  // What is wanted and known keeps its place or moves to it; only what nobody waits for makes way.
  function children(from, to) {
    const known = new Map([...from.childNodes].map((child) => [subject(child), child]));
    const wantedKeys = new Set([...to.childNodes].map(subject));
    known.delete(null);
    wantedKeys.delete(null);
    let here = from.firstChild;
    const next = () => {
      const passed = here;
      here = here.nextSibling;
      return passed;
    };
    for (const wanted of [...to.childNodes]) {
      const match = known.get(subject(wanted));
      if (match) {
        while (here !== match && here && !wantedKeys.has(subject(here))) next().remove();
        if (here === match) next();
        else move(from, match, here);
        become(match, wanted);
      } else if (here && !subject(here) && !subject(wanted)) {
        become(next(), wanted);
      } else {
        from.insertBefore(document.importNode(wanted, true), here);
      }
    }
    while (here) next().remove();
  }

  // An element that is moved loses the focus within it, unless the browser can move it as it is.
  function move(parent, node, before) {
    if (parent.moveBefore) return parent.moveBefore(node, before);
    const focused = node.contains(document.activeElement) ? document.activeElement : null;
    parent.insertBefore(node, before);
    focused?.focus({ preventScroll: true });
  }

  function swap(text) {
    const next = new DOMParser().parseFromString(text, "text/html");
    const main = next.getElementById("main");
    if (!main) return false;
    become(document.getElementById("main"), main);
    document.title = next.title;
    furnish();
    return true;
  }

  // ---- asking -------------------------------------------------------------------------------------------------------

  // Asks for a page; `known` is the tag of what is shown. Answers whether the page now shows it.
  async function ask(url, known) {
    asking?.abort();
    const mine = (asking = new AbortController());
    const late = setTimeout(() => mine.abort(), PATIENCE);
    try {
      const answer = await fetch(url, {
        headers: known ? { "If-None-Match": known } : {},
        cache: "no-store",
        credentials: "same-origin",
        signal: mine.signal,
      });
      if (answer.status === 304) {
        reached();
        return true;
      }
      // A target that was removed answers 404 with a page that says so.
      if (!answer.ok && answer.status !== 404) throw new Error(`status ${answer.status}`);
      const text = await answer.text();
      if (asking !== mine) return false;
      if (!swap(text)) throw new Error("not a page");
      tag = answer.headers.get("ETag");
      reached();
      return true;
    } catch {
      // Another question took the place of this one.
      if (asking !== mine) return false;
      wait = Math.min(wait * 2, EVERY_AT_MOST);
      lost();
      return false;
    } finally {
      clearTimeout(late);
      if (asking === mine) asking = null;
    }
  }

  function schedule() {
    clearTimeout(timer);
    timer = setTimeout(poll, wait * 1000);
  }

  async function poll() {
    if (document.visibilityState === "visible" && !asking) await ask(location.href, tag);
    schedule();
  }

  // Shows other rows of the same page under their own address.
  async function go(url, how) {
    if (!(await ask(url, null))) return;
    if (how) history[how](null, "", url);
    for (const field of document.querySelectorAll("form[data-live] input")) {
      if (field !== document.activeElement) field.value = field.getAttribute("value");
    }
    tell(document.getElementById("shown")?.textContent ?? "no target matches");
    schedule();
  }

  // ---- what the reader does -----------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    const link = event.target.closest?.("a[data-live]");
    if (link && plain) {
      event.preventDefault();
      go(link.href, "pushState");
    }
    const button = event.target.closest?.("button[data-copy]");
    if (button) copy(button);
  });

  function address(form) {
    const url = new URL(form.action);
    const fields = [...new FormData(form)].filter(([, value]) => value !== "");
    url.search = new URLSearchParams(fields).toString();
    return url.href;
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-live]")) return;
    event.preventDefault();
    clearTimeout(typing);
    go(address(event.target), "pushState");
  });

  // A search is part of a word at any time; a label is only one when it is whole.
  let typing = 0;
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (event.target.type !== "search" || !form?.matches("form[data-live]")) return;
    clearTimeout(typing);
    typing = setTimeout(() => go(address(form), "replaceState"), TYPING);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (event.target.type === "text" && form?.matches("form[data-live]")) go(address(form), "pushState");
  });

  addEventListener("popstate", () => go(location.href, null));

  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") poll();
  });

  async function copy(button) {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
      tell("command copied");
    } catch {
      // Without the right to write the clipboard (plain HTTP): selected, so that a key press copies it.
      getSelection().selectAllChildren(source);
      button.textContent = "Selected";
      tell("command selected");
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }

  // On paper nothing can be opened.
  const opened = [];
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      opened.push(details);
    }
  });
  addEventListener("afterprint", () => {
    for (const details of opened.splice(0)) details.open = false;
  });

  function furnish() {
    for (const button of document.querySelectorAll("button[data-copy][hidden]")) button.hidden = false;
  }

  furnish();
  showAge();
  setInterval(showAge, 1000);
  schedule();
})();
