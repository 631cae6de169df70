// What moves on the page of results: thresholds, the choice of a model, tables. No library, no request; text from files
// reaches the page through textContent alone. Without this script everything but the later rows of tables is there too.
"use strict";

const data = JSON.parse(document.getElementById("report-data").textContent);

/** A new element with a class and a text. */
function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
}

/** A control with words above it. */
function labelled(words, control) {
    const label = element("label", "", words);
    label.append(control);
    return label;
}

// ---- thresholds

/** Counts at a threshold; a probability equal to it is a yes. The probabilities are single-precision numbers. */
function confusion(y, p, threshold) {
    const counts = { tp: 0, fp: 0, fn: 0, tn: 0 };
    for (let row = 0; row < y.length; row += 1) {
        const isYes = p[row] >= threshold;
        if (y[row] === 1) counts[isYes ? "tp" : "fn"] += 1;
        else counts[isYes ? "fp" : "tn"] += 1;
    }
    return counts;
}

/** Scores from counts; undefined (null) where nothing is divided by nothing. */
function scores({ tp, fp, fn, tn }) {
    const share = (part, whole) => (whole > 0 ? part / whole : null);
    return {
        accuracy: share(tp + tn, tp + fp + fn + tn),
        precision: share(tp, tp + fp),
        recall: share(tp, tp + fn),
        specificity: share(tn, tn + fp),
        f1: share(2 * tp, 2 * tp + fp + fn),
    };
}

function setUpThreshold(panel) {
    const { p, threshold: own } = data.models[Number(panel.dataset.model)];
    const probabilities = Float32Array.from(p);
    const slider = panel.querySelector("input[type=range]");
    const output = panel.querySelector("output");
    const live = panel.querySelector("[aria-live]");
    const line = panel.querySelector("line.threshold");
    const svg = panel.querySelector("svg");
    let saying = 0;

    function show(threshold) {
        const counts = confusion(data.y, probabilities, threshold);
        const found = scores(counts);
        for (const [name, count] of Object.entries(counts)) {
            panel.querySelector(`[data-count=${name}]`).textContent = String(count);
        }
        const words = [];
        for (const [name, value] of Object.entries(found)) {
            const text = value === null ? "undefined" : value.toFixed(3);
            panel.querySelector(`[data-metric=${name}]`).textContent = text;
            words.push(`${name} ${text}`);
        }
        output.textContent = threshold.toFixed(3);
        if (line) {
            const zero = Number(svg.dataset.zero);
            const one = Number(svg.dataset.one);
            const x = String(zero + threshold * (one - zero));
            line.setAttribute("x1", x);
            line.setAttribute("x2", x);
        }
        // A screen reader is told once the slider rests.
        clearTimeout(saying);
        saying = setTimeout(() => {
            live.textContent = `Threshold ${threshold.toFixed(3)}: ${words.join(", ")}.`;
        }, 400);
    }

    slider.addEventListener("input", () => show(Number(slider.value)));
    panel.querySelector(".own").addEventListener("click", () => {
        slider.value = String(own);
        show(own);
    });
}

// ---- one model at a time

function setUpModels() {
    const panels = [...document.querySelectorAll(".model-panel")];
    const holder = document.getElementById("model-choice");
    if (!holder || panels.length < 2) return;
    const select = element("select");
    panels.forEach((panel, index) => {
        const option = element("option", "", panel.dataset.name);
        option.value = String(index);
        select.append(option);
    });
    const show = () => panels.forEach((panel, index) => { panel.hidden = String(index) !== select.value; });
    select.value = String(panels.length - 1);
    select.addEventListener("change", show);
    holder.append(labelled("Model", select));
    show();
}

// ---- tables

const ROWS_PER_PAGE = 50;

/** A text longer than this is no name and gets a wide column. */
const LONG = 80;

/** A table that is sorted by a click on a heading, filtered by text and choices, and shown page by page. */
function setUpTable(section) {
    const { columns } = data.tables[section.dataset.table];
    const n = columns.length ? columns[0].values.length : 0;
    const body = section.querySelector("tbody");
    const headings = [...section.querySelectorAll("thead th")];
    const plain = columns.map((column) => column.kind !== "number" && column.values.map((v) => v.toLowerCase()));
    const isLong = columns.map((column) => column.kind === "text" && column.values.some((v) => v.length > LONG));
    let order = Array.from({ length: n }, (_, row) => row);
    let shown = order;
    let page = 0;
    let sorted = { column: -1, direction: 1 };

    const controls = element("div", "controls");
    const search = element("input");
    search.type = "search";
    const choices = columns.map((column) => {
        if (column.kind !== "choice") return null;
        const select = element("select");
        select.append(new Option("all", ""));
        for (const value of [...new Set(column.values)].sort()) select.append(new Option(value, value));
        return select;
    });
    const status = element("p", "quiet");
    status.setAttribute("role", "status");
    const buttons = ["First", "Previous", "Next", "Last"].map((words) => {
        const button = element("button", "", words);
        button.type = "button";
        return button;
    });
    controls.append(labelled("Find", search));
    choices.forEach((select, index) => select && controls.append(labelled(columns[index].name, select)));
    controls.append(...buttons);
    section.prepend(controls, status);

    const lastPage = () => Math.max(0, Math.ceil(shown.length / ROWS_PER_PAGE) - 1);

    function cell(column, index, row) {
        const value = column.values[row];
        const td = element("td", column.kind === "number" ? "" : isLong[index] ? "text long" : "text");
        td.textContent = column.kind !== "number" ? value : value === null ? "–" : value.toFixed(column.digits);
        return td;
    }

    function draw() {
        page = Math.min(Math.max(page, 0), lastPage());
        const rows = shown.slice(page * ROWS_PER_PAGE, (page + 1) * ROWS_PER_PAGE);
        body.replaceChildren(...rows.map((row) => {
            const tr = element("tr");
            tr.append(...columns.map((column, index) => cell(column, index, row)));
            return tr;
        }));
        const count = (number) => number.toLocaleString("en");
        const first = page * ROWS_PER_PAGE + 1;
        const filtered = shown.length < n ? ` (of ${count(n)})` : "";
        status.textContent = shown.length
            ? `Rows ${count(first)} to ${count(first + rows.length - 1)} of ${count(shown.length)}${filtered}`
            : `No row of ${count(n)} matches`;
        buttons.forEach((button, index) => { button.disabled = index < 2 ? page === 0 : page === lastPage(); });
    }

    function filter() {
        const wanted = search.value.trim().toLowerCase();
        shown = order.filter((row) =>
            choices.every((select, index) => !select || !select.value || columns[index].values[row] === select.value)
            && (!wanted || plain.some((values) => values && values[row].includes(wanted))));
        page = 0;
        draw();
    }

    /** Sorts by a column; what is not known comes last in both directions, and equal rows keep their order. */
    function sort(index) {
        const column = columns[index];
        const isNumber = column.kind === "number";
        const direction = sorted.column === index ? -sorted.direction : isNumber ? -1 : 1;
        sorted = { column: index, direction };
        const values = isNumber ? column.values : plain[index];
        order = Array.from({ length: n }, (_, row) => row).sort((a, b) => {
            const [x, y] = [values[a], values[b]];
            if (x === null || y === null) return (x === null) - (y === null) || a - b;
            return direction * ((x > y) - (x < y)) || a - b;
        });
        headings.forEach((heading, position) => {
            if (position !== index) heading.removeAttribute("aria-sort");
            else heading.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
        });
        filter();
    }

    headings.forEach((heading, index) => {
        const button = element("button", "", heading.textContent);
        button.type = "button";
        button.addEventListener("click", () => sort(index));
        heading.replaceChildren(button);
    });
    const go = [() => 0, () => page - 1, () => page + 1, lastPage];
    buttons.forEach((button, index) => button.addEventListener("click", () => { page = go[index](); draw(); }));
    search.addEventListener("input", filter);
    choices.forEach((select) => select && select.addEventListener("change", filter));
    section.querySelector(".first-rows")?.remove();
    draw();
}

document.querySelectorAll(".threshold-panel").forEach(setUpThreshold);
document.querySelectorAll(".datatable").forEach(setUpTable);
setUpModels();
// Closed details are opened for the printer and closed again.
const closed = () => document.querySelectorAll("details:not([open])");
let opened = [];
addEventListener("beforeprint", () => { opened = [...closed()]; opened.forEach((part) => { part.open = true; }); });
addEventListener("afterprint", () => opened.forEach((part) => { part.open = false; }));
