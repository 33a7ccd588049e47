"""The benchmark's page as a template."""

from __future__ import annotations

STYLE = """
:root{--ink:#17202a;--soft:#55606c;--line:#d5dae0;--tint:#f4f6f8;--mark:#0b5cad}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:74rem;padding:1.5rem;color:var(--ink);background:#fff}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.25rem;margin:2.2rem 0 .4rem;border-top:2px solid var(--ink);
padding-top:.8rem}h3{font-size:1.02rem;margin:1.6rem 0 .3rem}
p{max-width:52rem;margin:.3rem 0 .7rem}.soft{color:var(--soft)}
.wide{overflow-x:auto;margin:.3rem 0 1rem}
table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}
th,td{padding:.32rem .6rem;text-align:right;border-bottom:1px solid var(--line);vertical-align:top;white-space:nowrap}
th{font-weight:600;background:var(--tint);border-bottom:1px solid var(--soft)}
th:first-child,td:first-child,td.words,th.words{text-align:left}
td:first-child,th:first-child{position:sticky;left:0;background:#fff;font-weight:600}th:first-child{background:var(--tint)}
td small{display:block;color:var(--soft)}tr.first td{background:#eef5fc}td.apart{font-weight:700;color:var(--mark)}
.failed{border-left:4px solid #a3161a;background:#fdf3f3;padding:.5rem .9rem;margin:.8rem 0}
.failed ul{margin:.2rem 0;padding-left:1.2rem}.failed li{margin:.15rem 0;white-space:pre-line}
svg{width:100%;max-width:760px;height:auto;display:block;margin:.2rem 0 .8rem;font:12px system-ui,sans-serif}
svg text{fill:var(--ink)}svg .end{text-anchor:end}svg .middle{text-anchor:middle;fill:var(--soft)}
svg .axis{stroke:#9aa4ae}svg .bar{stroke:var(--mark);stroke-width:3;stroke-linecap:round;opacity:.45}
svg .point{fill:var(--mark)}svg .zero{stroke:#a3161a;stroke-dasharray:3 3}
.cases{display:grid;grid-template-columns:repeat(auto-fill,minmax(30rem,1fr));gap:1rem}
.cases section{border:1px solid var(--line);border-radius:6px;padding:.6rem}.cases h4{margin:0 0 .3rem;font-size:.92rem}
figure{display:inline-block;margin:0 .4rem 0 0;width:31%;vertical-align:top}
figure img{width:100%;background:#10161d;display:block;image-rendering:pixelated}
figcaption{font-size:.76rem;color:var(--soft);overflow-wrap:anywhere}
.swatch{display:inline-block;width:.8rem;height:.8rem;border:1px solid var(--soft);vertical-align:-1px}
.tall{max-height:28rem;overflow-y:auto;border-bottom:1px solid var(--line)}
details{margin:.5rem 0}summary{cursor:pointer;font-weight:600}
@media(max-width:40rem){body{padding:.8rem}.cases{grid-template-columns:1fr}}
"""

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{ title }}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>{{ style }}</style></head><body>
{% macro estimate(value, low, high) %}{{ value or "—" }}{% if low %}<small>{{ low }} to {{ high }}</small>{% endif %}
{% endmacro %}
{% macro listed(rows, columns) %}<div class="wide"><table><tr>{% for key, head in columns %}
<th{% if key in worded %} class="words"{% endif %}>{{ head }}</th>{% endfor %}<th>value</th><th>95 % interval</th>
<th>cases</th><th class="words">without a value</th></tr>
{% for row in rows %}<tr>{% for key, head in columns %}<td{% if key in worded %} class="words"{% endif %}>
{{- measures.get(row[key], row[key]) }}</td>{% endfor %}<td>{{ row.value or "—" }}</td>
<td>{% if row.low %}{{ row.low }} to {{ row.high }}{% endif %}</td><td>{{ row.n }}</td>
<td class="words">{{ row.missing }}</td></tr>
{% endfor %}</table></div>{% endmacro %}
<h1>{{ title }}</h1>
<p class="soft">Research use only. Every network: {{ budget }} of training on each data set; classical methods are
fitted once. Seeds: {{ seeds }}. Intervals: 95 %, {{ resamples }} bootstrap resamples of the patients, the same
resamples for all models; no correction for many comparisons.
{% if minutes %}Minutes are a budget of this machine: the steps that fitted are in the table.{% endif %}</p>
{% if failures %}<div class="failed"><b>Not in the table</b><ul>
{% for what, why in failures %}<li><b>{{ what }}</b>: {{ why }}</li>{% endfor %}</ul></div>{% endif %}
{% if mean_ranks %}<h2>All data sets</h2>
<p>The mean of a model's ranks on the data sets, of the models that are complete on all of them.</p>
<div class="wide"><table><tr><th>model</th><th>mean rank</th></tr>
{% for row in mean_ranks %}<tr><td>{{ row.model }}</td><td>{{ row.mean_rank }}</td></tr>
{% endfor %}</table></div>{% endif %}
{% for part in parts %}
<h2>{{ part.name }}</h2>
<p>{{ part.about }}</p>
{% if part.table %}
<p class="soft">Means over cases of a case's mean over {{ part.regions }}, best first. Accuracy and
specificity count every voxel of the image: near 1 they say little.</p>
<div class="wide"><table><tr><th>model</th>{% for m in shown %}<th>{{ measures[m] }}</th>{% endfor %}
<th>cases</th></tr>
{% for row in part.table %}<tr{% if loop.first %} class="first"{% endif %}><td>{{ row.model }}</td>
{% for m in shown %}<td>{{ estimate(row[m], row[m + "_low"], row[m + "_high"]) }}</td>{% endfor %}
<td>{{ row.cases }}</td></tr>
{% endfor %}</table></div>
<h3>Dice with its interval</h3>{{ part.dice_chart }}
{% if part.ranking %}<h3>Ranks by Dice, and how sure they are</h3>
<p class="soft">The range holds 95 % of the resamples; "first" is the share of resamples in which the model
is the best.</p>
<div class="wide"><table><tr><th>model</th><th>rank</th><th>range</th><th>first</th></tr>
{% for row in part.ranking %}<tr><td>{{ row.model }}</td><td>{{ row.rank }}</td>
<td>{{ row.rank_low }} to {{ row.rank_high }}</td>
<td>{{ row.share_first }}</td></tr>{% endfor %}</table></div>{% endif %}
{% if part.pairs %}<h3>Differences to {{ part.reference }}</h3>
<p class="soft">Paired by case: the model less {{ part.reference }}{% if part.by_best %}, which was picked as the best
on these same cases{% endif %}. In bold where the interval leaves out 0. Distances are better when lower.</p>
{{ part.difference_chart }}
<div class="wide"><table><tr><th>model</th>{% for m in shown %}<th>{{ measures[m] }}</th>{% endfor %}</tr>
{% for model, row in part.pairs.items() %}<tr><td>{{ model }}</td>
{% for m in shown %}<td{% if row[m].low and row[m].low|float * row[m].high|float > 0 %} class="apart"{% endif %}>
{{ estimate(row[m].value, row[m].low, row[m].high) }}</td>{% endfor %}</tr>{% endfor %}</table></div>
<details><summary>Cases behind the differences, and differences in each region</summary>
{{ listed(part.differences, [("model", "model"), ("region", "region"), ("metric", "measure")]) }}</details>{% endif %}
<h3>Where the errors are</h3>
{% for kind, words in analyses if part.errors[kind] %}<details{% if kind == "noise" or
 part.errors[kind]|length < 13 %} open{% endif %}>
<summary>{{ words[0] }}</summary><p class="soft">{{ words[1] }}</p>
{% if kind == "noise" %}{{ part.noise_chart }}{% endif %}
{% if part.errors[kind]|length > 24 %}<div class="tall">{% endif %}
{{ listed(part.errors[kind], [("model", "model"), ("region", "region"), ("group", "group"), ("what", "what")]) }}
{% if part.errors[kind]|length > 24 %}</div>{% endif %}
</details>{% endfor %}
<h3>What it cost</h3>
<p class="soft">Training and outlining in seconds, on the wall and of the processor; reading a case is counted.
The peak is that of the whole process, libraries included.</p>
<div class="wide"><table><tr><th>model</th><th>parameters</th><th>steps</th><th>training s</th><th>training CPU s</th>
<th>s a case</th><th>CPU s a case</th><th>peak MB</th></tr>
{% for row in part.table %}<tr><td>{{ row.model }}</td><td>{{ row.parameters }}</td><td>{{ row.steps }}</td>
<td>{{ row.train_s }}</td><td>{{ row.train_cpu_s }}</td><td>{{ row.case_s }}</td><td>{{ row.case_cpu_s }}</td>
<td>{{ row.peak_mb }}</td></tr>{% endfor %}</table></div>
<h3>Best, median and worst case</h3>
<p class="soft">By a case's mean Dice with the first seed{{ part.fold_words }}. <span class="swatch"
 style="background:#fff"></span> given{% for name, colour in part.key %} &nbsp;<span class="swatch"
 style="background:rgb{{ colour }}"></span> drawn: {{ name }}{% endfor %}</p>
<div class="cases">{% for model, pictures in part.overlays %}<section><h4>{{ model }}</h4>
{% for kind, case, address in pictures %}<figure>
<img src="{{ address }}" alt="{{ kind }} case of {{ model }}: {{ case }}">
<figcaption>{{ kind }}: {{ case }}</figcaption></figure>{% endfor %}</section>{% endfor %}</div>
<details><summary>Every region by itself</summary>
{{ listed(part.by_region, [("model", "model"), ("region", "region"), ("metric", "measure"), ("unit", "unit")]) }}
</details>
{% endif %}{% endfor %}
<p class="soft">The same numbers stand in table.csv, ranking.csv, mean_ranks.csv, differences.csv, regions.csv and
errors.csv beside this page; every case's measures in cases.csv.</p>
</body></html>
"""
