// Charts: every [data-figure] is drawn by Plotly from the JSON of that id, in the colours of the tokens. A colour in
// the figure is a token's name, "--accent", or "--accent/25" for 25 per cent of it. Another theme draws them again.
// Plotly is large: it is fetched when a chart comes near the window, and nothing else of the page waits for it.
(() => {
  const PLOTLY = document.currentScript.dataset.plotly;
  const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false, showTips: false };

  // The value of a token is light-dark(…) itself; an element that wears it says which of the two it is.
  const painter = () => {
    const probe = document.createElement("i");
    document.body.append(probe);
    const paint = (name) => {
      const [token, share] = name.split("/");
      probe.style.color = `var(${token})`;
      const colour = getComputedStyle(probe).color;
      return share ? colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${Number(share) / 100})`) : colour;
    };
    return { paint, done: () => probe.remove() };
  };

  const painted = (value, paint) => {
    if (typeof value === "string") return value.startsWith("--") ? paint(value) : value;
    if (Array.isArray(value)) return value.map((one) => painted(one, paint));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, painted(one, paint)]));
  };

  const axis = (own) => ({
    fixedrange: true, automargin: true, zeroline: false, gridcolor: "--line", linecolor: "--line-strong",
    tickfont: { color: "--ink-3" }, ...own,
    title: { standoff: 8, font: { color: "--ink-2", size: 12 }, ...own?.title },
  });

  const draw = () => {
    const { paint, done } = painter();
    const family = getComputedStyle(document.body).fontFamily;
    for (const plot of document.querySelectorAll("[data-figure]")) {
      const figure = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
      const own = figure.layout;
      const layout = {
        height: 280, margin: { l: 8, r: 16, t: 8, b: 8 }, showlegend: false, dragmode: false, hovermode: "closest",
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", bargap: 0.12,
        font: { family, size: 12, color: "--ink-2" },
        hoverlabel: { bgcolor: "--card", bordercolor: "--line-strong", font: { family, size: 12, color: "--ink" } },
        ...own, xaxis: axis(own.xaxis), yaxis: axis(own.yaxis),
      };
      window.Plotly.react(plot, painted(figure.data, paint), painted(layout, paint), CONFIG);
      if (plot.dataset.opens) continue;
      plot.dataset.opens = "points";
      plot.on("plotly_click", ({ points }) => {
        const address = points[0]?.customdata;
        if (typeof address === "string" && address.startsWith("/")) window.location.assign(address);
      });
    }
    done();
  };

  const tables_instead = () => {
    for (const plot of document.querySelectorAll("[data-figure]")) {
      plot.hidden = true;
      plot.parentElement.querySelector("details").open = true;
    }
  };

  const fetch_and_draw = () => {
    const script = document.createElement("script");
    script.src = PLOTLY;
    script.addEventListener("error", tables_instead);
    script.addEventListener("load", () => {
      draw();
      document.addEventListener("theme-changed", draw);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    });
    document.head.append(script);
  };

  const near = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    near.disconnect();
    fetch_and_draw();
  }, { rootMargin: "800px" });
  for (const plot of document.querySelectorAll("[data-figure]")) near.observe(plot);
})();
