"""What each placement feature means, and in which unit; none is IBSI's."""

from __future__ import annotations

from segmentation.radiomics.catalogue import Feature

FAMILY = "placement"
_ROWS = (
    ("place_exophytic", "1", "share of the lesion outside the organ's outline: its convex hull in each axial slice"),
    ("place_depth", "mm", "how far below the outline the lesion reaches"),
    ("place_contact_share", "1", "share of the lesion's surface (faces of voxels) that the organ covers"),
    ("place_contact_area", "mm2", "that share of the lesion's surface mesh"),
    ("place_along", "1", "height of the lesion's centre along the organ's long axis; -1 lower pole, 0 middle, 1 upper"),
    ("place_polar", "1", "the same without its sign; 0 middle, 1 pole"),
    ("place_anterior", "mm", "how far the lesion's centre lies before that of the organ's outline; negative: behind"),
    ("place_lateral", "mm", "how far it lies to the side away from the second organ; negative: towards it"),
    ("place_centrality", "1", "C-index: distance of the centres over the radius of a ball of the lesion's volume"),
    ("place_sinus", "mm", "least distance to the sinus: the largest hollow more than 5 mm below the outline"),
    ("renal_radius", "1", "R.E.N.A.L. points for the diameter: 1 up to 40 mm, 3 from 70 mm"),
    ("renal_exophytic", "1", "points for the share outside: 1 from half, 3 for 5 % or less"),
    ("renal_nearness", "1", "points for the distance to the sinus: 1 from 7 mm, 3 up to 4 mm"),
    ("renal_location", "1", "points for the place between the polar lines, the ends of the sinus: 1 beyond, 3 between"),
    ("renal_score", "1", "their sum, 4 to 12 (doi:10.1016/j.juro.2009.05.035); more is harder to resect"),
)

PLACEMENT_FEATURES = tuple(Feature(tag, "", FAMILY, unit, definition, True) for tag, unit, definition in _ROWS)
PLACEMENT_TAGS = tuple(feature.tag for feature in PLACEMENT_FEATURES)
