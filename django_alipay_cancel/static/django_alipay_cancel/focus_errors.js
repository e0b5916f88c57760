// A theme that hides the page until its own scripts ran (Unfold does) makes browsers drop
// `autofocus`: they try once, while nothing can take the focus yet.
"use strict";
window.addEventListener("load", () => {
  const nobodyHasTheFocus = document.activeElement === document.body;
  if (nobodyHasTheFocus) document.getElementById("alipay-errors").focus();
});
