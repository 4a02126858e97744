"use strict";
// Filters over cards that are all in the page already; the state lives in the address, so a view can be linked to.
const form = document.getElementById("filters");
const cards = [...document.querySelectorAll("details.card")];
const shown = document.getElementById("shown");
const texts = new Map();

function words(card) {
  if (!texts.has(card)) texts.set(card, card.textContent.toLowerCase());
  return texts.get(card);
}

function apply() {
  const want = Object.fromEntries(new FormData(form));
  const text = want.text.trim().toLowerCase();
  let count = 0;
  for (const card of cards) {
    const data = card.dataset;
    const keep =
      (!want.model || data.model === want.model) &&
      (!want.category || data.category === want.category) &&
      (!want.outcome || data.outcome === want.outcome) &&
      (!want.tool || JSON.parse(data.tools).includes(want.tool)) &&
      (!want.failure || JSON.parse(data.failures).includes(want.failure)) &&
      (!text || words(card).includes(text));
    card.hidden = !keep;
    count += keep;
  }
  shown.textContent = `${count} of ${cards.length}`;
  const set = new URLSearchParams(Object.entries(want).filter(([, value]) => value));
  history.replaceState(null, "", "#" + set);
}

for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
  if (form.elements[name]) form.elements[name].value = value;
}
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
apply();
