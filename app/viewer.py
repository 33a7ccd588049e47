"""How a reader goes through a case's images: a slider for each plane, and which greys are shown."""

from __future__ import annotations

import streamlit as st

from app.planes import CUTS, Extent, Shown

ENDS = {"axial": "feet to head", "coronal": "back to front", "sagittal": "left to right of the patient"}


def controls(case_id: str, extent: Extent | None) -> Shown:
    """Sliders under the planes, which arrow keys move too; what they ask for. Nothing where no image can be shown."""
    if extent is None:
        return Shown()
    places = st.columns([1, 1, 1, 0.8])
    at = list(extent.middle)
    for place, (name, axis) in zip(places, CUTS.items(), strict=False):
        last = extent.shape[axis] - 1
        if last > 0:
            label = f"{name.capitalize()}: slice, {ENDS[name]}"
            at[axis] = place.slider(label, 1, last + 1, extent.middle[axis] + 1, key=f"im_{case_id}_{name}") - 1
    greys = places[3].selectbox("Greys", extent.greys, key="im_greys") if extent.greys else None
    return Shown((at[0], at[1], at[2]), greys or Shown().greys)
