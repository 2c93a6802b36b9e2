// Asks the device where it is, when somebody presses the button, and sends that with the form. Without this the form asks.
"use strict";
(() => {
  const button = document.getElementById("here");
  const form = document.getElementById("around");
  if (!navigator.geolocation || !button || !form) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const problem = document.getElementById("here-problem");
    problem.hidden = true;
    button.disabled = true;
    navigator.geolocation.getCurrentPosition((found) => {
      form.elements.position.value = found.coords.latitude + "," + found.coords.longitude;
      form.submit();
    }, () => {
      button.disabled = false;
      problem.hidden = false;
    }, { maximumAge: 60000, timeout: 15000 });
  });
})();
