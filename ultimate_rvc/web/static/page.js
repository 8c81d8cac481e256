// Live parts of the page: jobs, figures and the device strip. Everything comes from this server.
(() => {
  const QUIET_MS = 5000, BUSY_MS = 300;
  const language = document.documentElement.dataset.urvcLanguage || location.pathname.split("/")[1] || "en";
  const asked = (path, options) => fetch(path, options).then((answer) => (answer.ok ? answer.json() : null), () => null);
  const query = (values) => new URLSearchParams({ ...values, language }).toString();
  let timer = 0, looking = false, once_more = false;

  document.documentElement.lang = language;

  function place(panel, jobs) {
    const there = new Map([...panel.children].filter((one) => one.dataset.key).map((one) => [one.dataset.key, one]));
    jobs.forEach((job, number) => {
      let item = there.get(job.key);
      there.delete(job.key);
      if (!item) {
        item = document.createElement("article");
        item.dataset.key = job.key;
        item.className = "urvc-job";
      }
      // Only what has changed is drawn again, so that nothing stops playing.
      if (item.shown !== job.html) {
        const voice = item.querySelector("select")?.value;
        item.innerHTML = item.shown = job.html;
        if (voice && item.querySelector("select")) item.querySelector("select").value = voice;
      }
      item.dataset.state = job.state;
      if (panel.children[number] !== item) panel.insertBefore(item, panel.children[number] || null);
    });
    there.forEach((item) => item.remove());
  }

  function stages(jobs) {
    document.querySelectorAll("[data-urvc-stage]").forEach((spot) => {
      const job = jobs.find((one) => one.kind === spot.dataset.urvcStage && one.result);
      const html = job ? job.result : "";
      if (spot.shown !== html) {
        spot.innerHTML = spot.shown = html;
        spot.dataset.key = job ? job.key : "";
      }
    });
  }

  async function look() {
    clearTimeout(timer);
    if (looking) { once_more = true; return; }
    looking = true;
    let busy = false;
    for (const panel of document.querySelectorAll("[data-urvc-jobs]")) {
      const found = await asked(`/mine/jobs?${query({ board: panel.dataset.urvcJobs })}`);
      if (!found) continue;
      place(panel, found.jobs);
      if (panel.dataset.urvcJobs === "making") stages(found.jobs);
      busy ||= found.busy;
    }
    await figures();
    if (!busy) await tables();
    looking = false;
    if (once_more) { once_more = false; return look(); }
    timer = setTimeout(look, busy ? BUSY_MS : QUIET_MS);
  }

  async function figures() {
    const spot = document.querySelector("[data-urvc-curves]");
    const name = document.querySelector("#training-name input, #training-name textarea")?.value;
    if (!spot || !name || !spot.checkVisibility()) return;
    const found = await asked(`/mine/curves?${query({ training: name })}`);
    if (found && spot.shown !== found.html) spot.innerHTML = spot.shown = found.html;
  }

  async function tables() {
    for (const spot of document.querySelectorAll("[data-urvc-html]")) {
      const found = spot.checkVisibility() && (await asked(`/mine/${spot.dataset.urvcHtml}?${query({})}`));
      if (found && spot.shown !== found.html) spot.innerHTML = spot.shown = found.html;
    }
  }

  async function strip() {
    const spot = document.querySelector("[data-urvc-device]");
    if (!spot) return setTimeout(strip, 300);
    const found = await asked(`/mine/device?${query({})}`);
    if (found) spot.innerHTML = found.html;
  }

  document.addEventListener("click", async (event) => {
    // What a tab holds is drawn when it is opened.
    if (event.target.closest?.("[role=tab]")) setTimeout(look, 200);
    const button = event.target.closest?.("[data-act]");
    if (!button) return;
    const item = button.closest("[data-key]");
    button.disabled = true;
    const voice = item.querySelector("select")?.value || "";
    const found = await asked(`/mine/jobs/${item.dataset.key}/${button.dataset.act}?${query({ voice })}`, { method: "POST" });
    button.disabled = false;
    item.querySelectorAll(":scope > .urvc-problem[data-late]").forEach((old) => old.remove());
    if (found?.problem) {
      const line = document.createElement("p");
      line.className = "urvc-problem";
      line.dataset.late = "";
      line.setAttribute("role", "alert");
      line.textContent = found.problem;
      item.append(line);
    }
    look();
  });

  window.urvc = { look, strip };
  const begin = () => { look(); strip(); };
  // The device is looked at once the page stands: it costs an import of torch.
  const later = () => setTimeout(begin, 1000);
  if (document.readyState === "complete") later();
  else addEventListener("load", later);
})();
