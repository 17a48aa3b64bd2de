// Renders /api/v1/openapi.json. Text is only ever set as text, never as markup.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
  return node;
}

function schemaName(ref) { return ref.split("/").pop(); }

// A schema in one line, with links to the named ones.
function typeOf(schema) {
  if (!schema || typeof schema !== "object") return el("span", {}, "any");
  if (schema.$ref) {
    const name = schemaName(schema.$ref);
    return el("a", { href: "#schema-" + name }, name);
  }
  const several = schema.oneOf || schema.anyOf || schema.allOf;
  if (several) {
    const out = el("span");
    several.forEach((s, i) => out.append(i ? (schema.allOf ? " & " : " | ") : "", typeOf(s)));
    return out;
  }
  if (schema.enum) return el("span", {}, schema.enum.map((v) => JSON.stringify(v)).join(" | "));
  const types = [].concat(schema.type || "any");
  const out = el("span");
  types.forEach((type, i) => {
    if (i) out.append(" | ");
    if (type === "array") out.append(typeOf(schema.items), "[]");
    else if (type === "object" && schema.additionalProperties) out.append("map of ", typeOf(schema.additionalProperties));
    else out.append(type + (schema.format ? " (" + schema.format + ")" : ""));
  });
  const bounds = [];
  if (schema.minimum !== undefined) bounds.push("≥ " + schema.minimum);
  if (schema.maximum !== undefined) bounds.push("≤ " + schema.maximum);
  if (schema.maxLength !== undefined) bounds.push("at most " + schema.maxLength + " characters");
  if (bounds.length) out.append(" ", el("span", { class: "dim" }, bounds.join(", ")));
  return out;
}

function properties(schema) {
  const table = el("table");
  const required = new Set(schema.required || []);
  for (const [name, property] of Object.entries(schema.properties || {})) {
    table.append(el("tr", {},
      el("td", {}, el("code", {}, name), required.has(name) ? "" : el("span", { class: "dim" }, " optional")),
      el("td", {}, typeOf(property)),
      el("td", {}, property.description || "")));
  }
  return table;
}

function schemaBlock(name, schema) {
  const block = el("div", { class: "schema", id: "schema-" + name }, el("h3", {}, name));
  if (schema.description) block.append(el("p", {}, schema.description));
  block.append(schema.properties ? properties(schema) : typeOf(schema));
  if (schema.properties && (schema.oneOf || schema.allOf)) block.append(typeOf({ oneOf: schema.oneOf, allOf: schema.allOf }));
  return block;
}

function content(title, map) {
  const out = el("div");
  for (const [type, media] of Object.entries(map || {})) {
    out.append(el("div", {}, title, el("code", {}, type), " ", media.schema ? typeOf(media.schema) : ""));
    if (media.example !== undefined) out.append(el("pre", {}, JSON.stringify(media.example, null, 2)));
  }
  return out;
}

function tryIt(path, operation) {
  const form = el("form", { class: "try" });
  const inputs = [];
  for (const p of operation.parameters || []) {
    if (p.in !== "path" && p.in !== "query") continue;
    const input = el("input", { name: p.name, placeholder: (p.schema && p.schema.format) || p.in });
    inputs.push([p, input]);
    form.append(el("label", {}, el("code", {}, p.name), input));
  }
  const out = el("div");
  form.append(el("div", {}, el("button", { type: "submit" }, "Send GET")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let url = path;
    const query = new URLSearchParams();
    for (const [p, input] of inputs) {
      if (p.in === "path") url = url.replace("{" + p.name + "}", encodeURIComponent(input.value));
      else if (input.value) query.set(p.name, input.value);
    }
    if ([...query].length) url += "?" + query;
    out.replaceChildren(el("p", { class: "dim" }, "GET " + url));
    try {
      const response = await fetch(url, { credentials: "same-origin" });
      const type = response.headers.get("content-type") || "";
      let shown;
      if (type.includes("json")) shown = JSON.stringify(await response.json(), null, 2);
      else if (type.startsWith("text/") || type.includes("mpegurl")) shown = await response.text();
      else { shown = "(" + (response.headers.get("content-length") || "?") + " bytes of " + type + ")"; response.body.cancel(); }
      out.append(el("pre", {}, response.status + " " + response.statusText + "\n" + shown.slice(0, 200000)));
    } catch (error) {
      out.append(el("pre", {}, String(error)));
    }
  });
  return el("div", {}, el("h3", {}, "Try it"),
    el("p", { class: "dim" }, "With the session of this browser: sign in on the Heron page first."), form, out);
}

function operationBlock(path, method, operation) {
  const id = method + path.replace(/[^a-z0-9]+/gi, "-");
  const body = el("div", { class: "body" });
  if (operation.description) body.append(el("p", {}, operation.description));
  const open = Array.isArray(operation.security) && operation.security.some((s) => Object.keys(s).length === 0);
  body.append(el("p", { class: "dim" }, open ? "Open to everybody." : "Needs a session or a token."));
  if ((operation.parameters || []).length) {
    const table = el("table");
    for (const p of operation.parameters) {
      table.append(el("tr", {},
        el("td", {}, el("code", {}, p.name), el("span", { class: "dim" }, " " + p.in + (p.required ? "" : ", optional"))),
        el("td", {}, typeOf(p.schema)), el("td", {}, p.description || "")));
    }
    body.append(el("h3", {}, "Parameters"), table);
  }
  if (operation.requestBody) body.append(el("h3", {}, "Body"), content("", operation.requestBody.content));
  const responses = el("table");
  for (const [status, response] of Object.entries(operation.responses || {})) {
    responses.append(el("tr", {}, el("td", {}, el("code", {}, status)),
      el("td", {}, response.description || "", content("", response.content))));
  }
  body.append(el("h3", {}, "Answers"), responses);
  if (method === "get" && !path.endsWith("/ws") && !path.endsWith(".ws")) body.append(tryIt(path, operation));
  const block = el("details", { class: "operation", id },
    el("summary", {}, el("span", { class: "method " + method }, method.toUpperCase()), el("span", { class: "path" }, path),
      el("span", { class: "dim" }, operation.summary || "")), body);
  return { id, block, words: (method + " " + path + " " + (operation.summary || "")).toLowerCase() };
}

function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") target.open = true;
  if (target) target.scrollIntoView();
}

async function main() {
  const main = document.getElementById("content");
  const index = document.getElementById("index");
  let api;
  try {
    const response = await fetch("/api/v1/openapi.json");
    api = await response.json();
    if (!response.ok) throw new Error(api.detail || response.statusText);
  } catch (error) {
    main.replaceChildren(el("p", {}, "The document could not be loaded: " + error.message));
    return;
  }
  main.replaceChildren(el("p", {}, api.info.description || ""));
  const groups = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS) {
      if (!item[method]) continue;
      const tag = (item[method].tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operationBlock(path, method, item[method]));
    }
  }
  const filterable = [];
  for (const [tag, operations] of groups) {
    const section = el("section", { class: "tag" }, el("h2", {}, tag));
    const list = el("div", {}, el("h2", {}, tag));
    for (const { id, block, words } of operations) {
      section.append(block);
      const summary = block.querySelector("summary");
      const link = el("a", { href: "#" + id }, summary.children[0].textContent + " " + summary.children[1].textContent);
      list.append(link);
      filterable.push([words, block, link]);
    }
    main.append(section);
    index.append(list);
  }
  const schemas = Object.entries((api.components && api.components.schemas) || {});
  const section = el("section", { class: "tag" }, el("h2", {}, "Schemas"));
  for (const [name, schema] of schemas) {
    const block = schemaBlock(name, schema);
    section.append(block);
    filterable.push([name.toLowerCase(), block, null]);
  }
  main.append(section);
  document.getElementById("filter").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const [words, block, link] of filterable) {
      const hidden = !words.includes(wanted);
      block.hidden = hidden;
      if (link) link.hidden = hidden;
    }
  });
  window.addEventListener("hashchange", openTarget);
  openTarget();
}

main();
