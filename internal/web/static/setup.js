// The setup token is in the fragment, which browsers never send. It is taken out
// of the address at once, so that it does not stay in the history.
"use strict";

const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

const part = (id) => document.getElementById(id);
const show = (id, on) => { part(id).hidden = !on; };

function explain(problem) {
  const lines = [problem.detail, problem.cause, problem.hint];
  for (const e of problem.errors || []) lines.push(`${e.location || "request"}: ${e.message}`);
  part("problem").replaceChildren(...lines.filter(Boolean).map((text) => {
    const p = document.createElement("p");
    p.textContent = text;
    return p;
  }));
  show("problem", true);
}

async function setUp(event) {
  event.preventDefault();
  show("problem", false);
  const form = new FormData(event.target);
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    const response = await fetch("/api/v1/setup", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, organization: form.get("organization"), name: form.get("name") }),
    });
    const answer = await response.json();
    if (!response.ok) return explain(answer);
    part("token").textContent = answer.token;
    part("login").textContent = `pullpass login ${location.origin}`;
    show("setup", false);
    show("done", true);
  } catch {
    explain({ detail: "the server did not answer", hint: "open the setup link again; if its token is said to be used, the setup went through, and the operator can make another token" });
  } finally {
    button.disabled = false;
  }
}

show(token.startsWith("ppst_") ? "setup" : "missing", true);
part("setup").addEventListener("submit", setUp);
