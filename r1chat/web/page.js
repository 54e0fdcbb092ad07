// textual.js leaves the keyboard where it is until somebody clicks. It marks the body when the app
// draws; before that the app could not be told that it has the focus.
new MutationObserver((_, observer) => {
  if (document.body.classList.contains("-first-byte")) {
    observer.disconnect();
    document.querySelector(".xterm-helper-textarea").focus();
  }
}).observe(document.body, { attributeFilter: ["class"] });
