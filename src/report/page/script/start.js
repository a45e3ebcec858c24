// The menu; then all parts together.

function addMenu(menu) {
  const narrow = matchMedia("(max-width: 65rem)");
  const fold = () => { menu.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  fold();
  const links = all("nav a", menu);
  const headings = links.map((link) => document.getElementById(link.hash.slice(1)));
  menu.addEventListener("click", (event) => { if (narrow.matches && event.target.closest("nav a")) menu.open = false; });
  let waiting = false;
  const mark = () => {
    waiting = false;
    let current = 0;
    headings.forEach((heading, k) => { if (heading.getBoundingClientRect().top < 120) current = k; });
    links.forEach((link, k) => (k === current ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  };
  addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(mark); } }, { passive: true });
  links[0]?.setAttribute("aria-current", "true");  // a page that opens elsewhere scrolls
}

/// Tables that are narrower than the page need no box of their own to scroll in: their heads stick to the window.
function fit(boxes) {
  for (const box of boxes) box.classList.remove("fits");
  const fits = boxes.map((box) => box.scrollWidth <= box.clientWidth);
  boxes.forEach((box, k) => box.classList.toggle("fits", fits[k]));
}
const fitted = new Set();  // boxes that have been near
function fitWhenNear(box) {
  whenNear(box, () => {
    fitted.add(box);
    fit([box]);
  });
}

const tables = all("main table").map((element) => new Table(element));
const choices = all(".choices").map(addChoice);
document.body.append(panel);
all("main figure").forEach(equip);

const menu = document.querySelector(".menu");
addMenu(menu);
if (layers) {
  addFilters(menu);
  applyFilter();
}
menu.append(make("h2", { class: "side" }, "Data"), make("p", { class: "tools" },
  button("JSON of the page", () => save(pageJson(), fileName(document.querySelector("h1").textContent.replace(/[^\w.-]+/g, "-"), "json"), "application/json"))));

document.addEventListener("click", (event) => {
  const mark = event.target.closest(`svg :is(${MARKS})`);
  if (mark) return openMark(mark);
  // Not by the address, which would scroll the page and take the focus from the link.
  const link = event.target.closest('a[href^="#layer-"]');
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    return openLayer(Number(link.hash.slice(7)));
  }
  if (event.target.closest("#panel a")) return panel.close();
  const row = event.target.closest("tbody tr[data-i]");
  if (row && !event.target.closest("a, button") && !String(getSelection())) openLayer(Number(row.dataset.i));
});
addEventListener("hashchange", readView);
addEventListener("resize", () => fit([...fitted]));
all("main .wide").forEach(fitWhenNear);
readView();
document.documentElement.dataset.ready = "true";
