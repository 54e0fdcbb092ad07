const isOn = (name) => document.body.classList.contains(name);

// textual.js leaves the keyboard where it is until somebody clicks. It marks the body when the app
// draws; before that the app could not be told that it has the focus.
new MutationObserver((_, observer) => {
  if (isOn("-first-byte")) {
    observer.disconnect();
    document.querySelector(".xterm-helper-textarea").focus();
  }
}).observe(document.body, { attributeFilter: ["class"] });

// Ctrl+W is a word less in a terminal, and a tab less in a browser, with the app in it. Browsers
// ask only where something was typed or clicked.
addEventListener("beforeunload", (event) => {
  if (isOn("-first-byte") && !isOn("-closed")) event.preventDefault();
});
