"use strict";
// Search in the lists of recommendations. Everything shown is set as text, never read as HTML.
(function () {
  const MOST = 10, UNASKED = 3;  // lists shown for a search, and before one
  const SVG = "http://www.w3.org/2000/svg";
  const form = document.getElementById("search");
  if (!form) return;
  const data = JSON.parse(document.getElementById("lists").textContent);
  const input = form.querySelector("input");
  const status = document.getElementById("found");
  const table = document.getElementById("results");
  const words = form.dataset;
  const rating = new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

  // Without capitals and accents: "lucia" finds "Lucía".
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const titles = data.titles.map(plain);
  const users = data.users.map((user) => plain(user[0] + "\n" + user[1]));

  const make = (name, text, style) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (style) made.className = style;
    return made;
  };
  const count = (number) => {
    const digits = String(number);
    return digits.length < Number(words.from) ? digits : digits.replace(/\B(?=(\d{3})+$)/g, words.group);
  };

  function bar(share) {
    const drawn = document.createElementNS(SVG, "svg");
    const attributes = { class: "bar", height: 8, "aria-hidden": "true" };
    Object.entries(attributes).forEach(([name, value]) => drawn.setAttribute(name, value));
    [["track", 1], ["c1", share]].forEach(([style, width]) => {
      const part = document.createElementNS(SVG, "rect");
      Object.entries({ class: style, width: `${width * 100}%`, height: "100%", rx: 3 }).forEach(([name, value]) => part.setAttribute(name, value));
      drawn.append(part);
    });
    return drawn;
  }

  function group(user, matching) {
    const body = make("tbody");
    const head = make("tr", undefined, "user");
    const cell = make("th");
    cell.colSpan = 5;
    cell.scope = "rowgroup";
    cell.append(make("bdi", user[1] || user[0]));
    if (user[1]) cell.append(" ", make("bdi", user[0], "id"));
    head.append(cell);
    body.append(head);
    user[2].forEach(([title, value, source], index) => {
      const row = make("tr");
      const name = make("td", undefined, "name");
      const shown = make(matching.has(title) ? "mark" : "span");
      shown.append(make("bdi", data.titles[title]));
      name.append(shown);
      const bars = make("td", undefined, "bars roomy");
      bars.append(bar(value / 5));
      row.append(make("td", String(index + 1), "n"), name, make("td", rating.format(value), "n"), bars, make("td", source));
      body.append(row);
    });
    return body;
  }

  function search() {
    const wanted = plain(input.value.trim());
    const matching = new Set();
    if (wanted) titles.forEach((title, place) => title.includes(wanted) && matching.add(place));
    // Who is meant by name comes before who was recommended a title of that name.
    const named = [], offered = [];
    data.users.forEach((user, place) => {
      if (users[place].includes(wanted)) named.push(user);
      else if (user[2].some(([title]) => matching.has(title))) offered.push(user);
    });
    const found = named.concat(offered);
    table.querySelectorAll("tbody").forEach((body) => body.remove());
    const most = wanted ? MOST : UNASKED;
    table.append(...found.slice(0, most).map((user) => group(user, matching)));
    table.hidden = found.length === 0;
    let message = found.length === 0 ? words.nothing : found.length === 1 ? words.one : words.found.replace("{count}", count(found.length));
    if (found.length > most) message += "; " + words.shown.replace("{count}", count(most));
    status.textContent = message;
  }

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", search);
  search();
})();
