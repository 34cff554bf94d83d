"""How the page looks: on a screen, light and dark, wide and narrow, and on paper.

The colours of the two schemes are those of M. Okabe and K. Ito, Color Universal Design, 2008,
https://jfly.uni-koeln.de/color/, darker on white and lighter on black, so that letters and lines
keep a contrast of 3 and more (WCAG 2.2, 1.4.11).
"""

from __future__ import annotations

_LIGHT = """
  --paper: #ffffff; --ink: #1b1d21; --soft: #5b616b; --faint: #6c737d;
  --rule: #d3d7dd; --panel: #f4f5f7;
  --reference: #0072b2; --candidate: #b84a00; --better: #0072b2; --worse: #d55e00;
  --passed: #00684a; --passed-panel: #e6f4ee; --missed: #a32100; --missed-panel: #fdebe4;
"""
_DARK = """
  --paper: #14161a; --ink: #e9eaec; --soft: #a9afb9; --faint: #8d949f;
  --rule: #3a4049; --panel: #1e2127;
  --reference: #56b4e9; --candidate: #f0a030; --better: #56b4e9; --worse: #e69f00;
  --passed: #5fd3ab; --passed-panel: #14302a; --missed: #ff9a78; --missed-panel: #3b1d14;
"""

COLOURS = (
    f":root {{ color-scheme: light dark; {_LIGHT} }}\n"
    f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}\n"
)
"""The colours by name, light and dark."""

STYLE = (
    COLOURS
    + """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
header, main, footer, .contents { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
a { color: var(--reference); }
:focus-visible { outline: 3px solid var(--reference); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; background: var(--paper); padding: .5rem 1rem; }
.skip:focus { left: .5rem; top: .5rem; }
.model { margin: 0 0 .75rem; color: var(--soft); }
h1, h2, h3, h4 { line-height: 1.2; overflow-wrap: anywhere; }
h1 { font-size: clamp(1.9rem, 5.5vw, 3.2rem); margin: 0 0 .75rem; letter-spacing: -.015em; }
h1.long { font-size: clamp(1.4rem, 3.5vw, 2rem); }
h1 + p { font-size: clamp(1.1rem, 2.4vw, 1.4rem); margin: 0 0 1.5rem; max-width: 46rem; }
h2 { font-size: 1.5rem; margin: 3rem 0 .75rem; padding-top: 1rem;
  border-top: 1px solid var(--rule); }
h3 { font-size: 1.1rem; margin: 1.75rem 0 .5rem; }
h4 { font-size: 1rem; margin: 1rem 0 .5rem; }
p { max-width: 46rem; overflow-wrap: anywhere; }
.gates { width: fit-content; max-width: 100%; margin-bottom: 1.25rem;
  padding: .75rem 1.1rem; border-radius: .5rem;
  border: 2px solid var(--rule); background: var(--panel); }
.gates p { margin: 0; font-size: 1.25rem; font-weight: 700; }
.gates.none { border: 0; padding: 0; background: none; color: var(--soft); }
.gates.none p { font-size: 1rem; font-weight: 400; }
.gates ul { margin: .4rem 0 0; padding: 0; list-style: none; overflow-wrap: anywhere; }
.gates.passed { border-color: var(--passed); background: var(--passed-panel); }
.gates.missed { border-color: var(--missed); background: var(--missed-panel); }
.passed > p, li.passed b { color: var(--passed); }
.missed > p, li.missed b { color: var(--missed); }
.contents { margin-top: 1.5rem; }
.contents ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0; padding: 0;
  list-style: none; }
.contents a { display: inline-block; padding: .2rem 0; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: separate; border-spacing: 0;
  font-variant-numeric: tabular-nums; font-size: .9375rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
th, td { padding: .4rem .7rem; text-align: right; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
thead th { vertical-align: bottom; border-bottom: 2px solid var(--soft); max-width: 10rem; }
tbody th { position: sticky; left: 0; background: var(--paper); font-weight: 600; }
th:first-child { text-align: left; padding-left: 0; }
td { white-space: nowrap; }
td.words { white-space: normal; text-align: left; min-width: 18rem; }
td small, th small { display: block; color: var(--soft); font-size: .8125rem; }
th.words { text-align: left; }
.costs table { width: 100%; font-size: 1.0625rem; }
.digits { display: grid; grid-template-columns: minmax(0, 22rem) minmax(0, 1fr); gap: 0 1.75rem; }
.digits table { width: 100%; font-size: .875rem; }
.digits th, .digits td { padding: .4rem .35rem; }
.digits .scroll { margin-top: 0; }
.strip { display: block; width: 9.5rem; height: 1.4rem; margin: .15rem 0 0 auto; }
figcaption { color: var(--soft); font-size: .9375rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .75rem;
  margin: .5rem 0 1rem; padding: 0; list-style: none; }
.cards figure { display: flex; gap: .75rem; align-items: center; margin: 0; padding: .6rem;
  border: 1px solid var(--rule); border-radius: .5rem; background: var(--panel); height: 100%; }
.cards img { flex: none; width: 84px; height: 84px; image-rendering: pixelated;
  border: 1px solid var(--rule); background: #000; }
.cards figcaption { color: inherit; font-size: .9375rem; line-height: 1.4;
  overflow-wrap: anywhere; min-width: 0; }
.cards figcaption span { display: block; }
.wrong { color: var(--missed); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(21rem, 100%), 1fr));
  gap: 1.5rem 2rem; align-items: start; }
.plots figure, .digits figure { margin: 0; max-width: 34rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: currentColor; font-size: 12px; }
svg .tick { fill: var(--soft); font-size: 11px; }
svg .head { font-weight: 600; }
svg .nothing { fill: var(--faint); }
.grid { stroke: var(--rule); stroke-width: .75; }
.zero { stroke: var(--ink); stroke-width: 1.25; }
.limit { stroke: var(--missed); stroke-width: 1.5; stroke-dasharray: 3 2; }
.ideal { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 3; }
.curve { fill: none; stroke-width: 1.75; }
.curve.reference { stroke: var(--reference); stroke-dasharray: 5 3; }
.curve.candidate { stroke: var(--candidate); }
.whisker { stroke-width: 1.5; }
.whisker.reference { stroke: var(--reference); }
.whisker.candidate { stroke: var(--candidate); }
.mark { stroke-width: 1.75; }
.mark.reference { stroke: var(--reference); fill: var(--paper); }
.mark.candidate { stroke: var(--candidate); fill: var(--candidate); stroke-width: 0; }
.bar.reference { stroke: var(--reference); stroke-width: 1; fill: var(--paper); }
.bar.candidate { fill: var(--candidate); }
.better { fill: var(--better); }
.worse { fill: var(--worse); }
.swatch { fill-opacity: .6; }
.cell { fill: none; stroke: var(--rule); stroke-width: .75; }
.cell.right { stroke: var(--soft); stroke-width: 1.5; }
details { margin: .75rem 0; border-left: 3px solid var(--rule); padding-left: .9rem; }
summary { cursor: pointer; padding: .25rem 0; color: var(--reference); overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
dd, code { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: .875rem; }
footer { margin-top: 3rem; padding-bottom: 3rem; color: var(--soft); font-size: .9375rem; }
@media (max-width: 40rem) {
  header { padding-top: 1.25rem; }
  .digits { grid-template-columns: minmax(0, 1fr); }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .6rem; }
  th, td { padding: .4rem .5rem; }
}
@media print {
  @page { margin: 14mm; }
  body { font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  header, main, footer { max-width: none; padding-left: 0; padding-right: 0; }
  .skip, .contents { display: none; }
  .scroll { overflow: visible; }
  table { font-size: 8.5pt; }
  th, td { padding: .2rem .4rem; }
  td.words { min-width: 0; }
  tbody th { position: static; }
  h2 { margin-top: 1.5rem; }
  h2, h3, h4, summary, caption { break-after: avoid; }
  tr, figure, .cards li, .gates { break-inside: avoid; }
  details { border-left: 0; padding-left: 0; }
  details::details-content { content-visibility: visible; block-size: auto; }
  summary { list-style: none; color: inherit; font-weight: 600; }
  .plots { grid-template-columns: 1fr 1fr; }
}
"""
)
"""The style sheet."""
