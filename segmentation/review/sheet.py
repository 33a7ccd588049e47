"""The review sheet: one page that holds everything, opens without a network, and saves the verdicts as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jinja2 import Environment

from segmentation.review.cases import ReviewCase
from segmentation.review.pictures import colours
from segmentation.review.verdicts import VERDICTS, Verdict

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1rem;color:#17202a;background:#fff}
header{position:sticky;top:0;background:#fff;border-bottom:1px solid #ccd1d6;padding:.5rem 0}
section{border-bottom:1px solid #ccd1d6;padding:.8rem 0}
h1{font-size:1.3rem;margin:0}h2{font-size:1.05rem;margin:0 0 .3rem}
ul{margin:.2rem 0;padding-left:1.2rem}.reject{color:#a3161a;font-weight:600}.review{color:#7a4b00}.note{color:#4a5560}
figure{display:inline-block;margin:.3rem .5rem .3rem 0}figure img{display:block;background:#10161d}
figcaption{font-size:.8rem;color:#4a5560}fieldset{border:0;padding:0;margin:.4rem 0}label{margin-right:1rem}
input[type=text]{width:26rem;max-width:100%;font:inherit}.swatch{display:inline-block;width:.8rem;height:.8rem}
</style></head><body>
<header><h1>{{ title }}</h1>
<p>{{ cases|length }} masks, those that need a look first. Research use only: nothing here replaces a reading.</p>
<p>{% for name, colour in key %}<span class="swatch" style="background:rgb{{ colour }}"></span> {{ name }} &nbsp;
{% endfor %}</p>
<p><label>Reviewed by <input type="text" id="by" style="width:14rem"></label>
<button type="button" id="save">Save verdicts</button> <span id="said" role="status"></span></p></header>
{% for case in cases %}
<section data-case="{{ case.case_id }}" data-mask="{{ case.mask }}">
<h2>{{ case.case_id }}</h2>
{% if case.case_id in said %}<p>Reviewed: <b>{{ said[case.case_id].verdict }}</b> by {{ said[case.case_id].by }}
{%- if said[case.case_id].comment %}: {{ said[case.case_id].comment }}{% endif %}</p>{% endif %}
{% if case.findings %}<ul>{% for f in case.findings %}<li class="{{ f.level }}">{{ f.level }}: {{ f.message }}</li>
{% endfor %}</ul>{% else %}<p class="note">no finding</p>{% endif %}
{% for shown in case.shown %}<div>{% for address, words in shown.pictures %}
<figure><img src="{{ address }}" alt="{{ words }}"><figcaption>{{ words }}</figcaption></figure>{% endfor %}</div>
{% endfor %}
{% if case.regions_left_out %}<p class="note">{{ case.regions_left_out }} more regions are not drawn here</p>{% endif %}
{% if case.mask %}<fieldset><legend hidden>{{ case.case_id }}</legend>{% for verdict in verdicts %}
<label><input type="radio" name="{{ case.case_id }}" value="{{ verdict }}"> {{ verdict }}</label>{% endfor %}
<input type="text" placeholder="comment" aria-label="comment on {{ case.case_id }}"></fieldset>{% endif %}
</section>
{% endfor %}
<script>
const quoted = text => '"' + String(text).replaceAll('"', '""').replace(/[\\r\\n]+/g, ' ') + '"';
document.getElementById('save').addEventListener('click', () => {
  const by = document.getElementById('by').value.trim(), lines = ['{{ columns }}'];
  for (const part of document.querySelectorAll('section[data-case]')) {
    const chosen = part.querySelector('input[type=radio]:checked');
    if (!chosen) continue;
    const comment = part.querySelector('input[type=text]').value;
    const at = new Date().toISOString().slice(0, 19) + 'Z';
    lines.push([part.dataset.case, chosen.value, by, comment, part.dataset.mask, at].map(quoted).join(','));
  }
  const said = document.getElementById('said');
  if (!by) { said.textContent = 'Say who reviewed.'; return; }
  if (lines.length < 2) { said.textContent = 'Nothing is decided yet.'; return; }
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([lines.join('\\n') + '\\n'], {type: 'text/csv'}));
  link.download = 'verdicts.csv';
  link.click();
  said.textContent = (lines.length - 1) + ' verdicts saved.';
});
</script></body></html>
"""


def review_sheet(
    title: str, cases: Sequence[ReviewCase], regions: Mapping[str, int], said: Mapping[str, Verdict]
) -> str:
    """The page for these cases in their order; `said` holds the standing verdicts. Equal cases give an equal page."""
    key = [(name, colours(regions)[label]) for name, label in regions.items()]
    page = Environment(autoescape=True, trim_blocks=True).from_string(_PAGE)
    columns = "case,verdict,by,comment,mask,at"
    return page.render(title=title, cases=cases, key=key, said=said, verdicts=VERDICTS, columns=columns)
