// Loaded before textual.js, which keeps its terminal and its connection to itself.

const isOn = (name) => document.body.classList.contains(name);
const say = (notice) => (document.querySelector(".ended div").textContent = notice);

// A terminal that shows some columns more: on a telephone a line holds 40 otherwise.
const narrow = { pixels: 600, fontSize: "13" };
const lost = 1006;

// The server says which conversation is open; its address finds it again when the page is reloaded.
globalThis.WebSocket = class extends WebSocket {
  constructor(...address) {
    super(...address);
    this.addEventListener("message", ({ data }) => {
      if (typeof data !== "string") return;
      const [kind, value] = JSON.parse(data);
      if (kind === "conversation") history.replaceState(null, "", `/c/${value}${location.search}`);
      if (kind === "elsewhere") say("This conversation was opened on another page.");
    });
    this.addEventListener("close", ({ code }) => {
      if (code === lost) say("The connection to r1chat was lost.");
    });
  }
};

// A terminal takes Ctrl+V for a key; left to the browser, it pastes what the system's clipboard has.
addEventListener(
  "keydown",
  (event) => {
    const pastes = (event.ctrlKey || event.metaKey) && !event.altKey && event.code === "KeyV";
    if (pastes) event.stopImmediatePropagation();
  },
  { capture: true },
);

addEventListener("DOMContentLoaded", () => {
  const terminal = document.querySelector(".textual-terminal");
  const chosen = new URLSearchParams(location.search).has("fontsize");
  if (innerWidth < narrow.pixels && !chosen) terminal.dataset.fontSize = narrow.fontSize;

  // textual.js leaves the keyboard where it is until somebody clicks. It marks the body when the
  // app draws; before that the app could not be told that it has the focus.
  new MutationObserver((_, observer) => {
    if (isOn("-first-byte")) {
      observer.disconnect();
      document.querySelector(".xterm-helper-textarea").focus();
    }
  }).observe(document.body, { attributeFilter: ["class"] });
});

// Ctrl+W is a word less in a terminal, and a tab less in a browser, with the app in it. Browsers
// ask only where something was typed or clicked.
addEventListener("beforeunload", (event) => {
  if (isOn("-first-byte") && !isOn("-closed")) event.preventDefault();
});
