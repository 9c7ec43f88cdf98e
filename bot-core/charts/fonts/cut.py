"""Cuts the chart fonts from their full versions. Needs fontTools.

python3 cut.py <folder of Inter's .otf files> <DejaVuSans.ttf> <NotoEmoji_400Regular.ttf>
"""

import sys

from fontTools import subset
from fontTools.pens.t2CharStringPen import T2CharStringPen

LATIN = (
    "20-7E,A0-17F,192,218-21B,2C6-2DD,300-304,306-30C,327,328,370-3FF,400-45F,490,491,1E80-1E85,"
    "1E9E,1EF2,1EF3,2000-2015,2018-2022,2026,202F,2030,2032,2033,2039,203A,2044,205F,2060,2070-208E,"
    "20AC,2116,2122,2150-215E,2190-2199,21D0-21D4,2212,2215,2248,2260,2264,2265,221E,25A0-25CF,2605,"
    "2606,2713,2717,FEFF,FFFD"
)
# With the Latin that stands on the same line: such a line is drawn whole in this font.
HEBREW_ARABIC = (
    "20-7E,A0-17F,2000-2015,2018-201E,2026,202F,2039,203A,20AC,590-5FF,600-6FF,2190-21FF,2700-27BF"
)
PICTOGRAMS = (
    "203C,2049,231A-23FF,25FB-25FE,2600-27BF,2B05-2B55,1F300-1F393,1F3A0-1F3FA,1F442-1F46A,"
    "1F493-1F5FF,1F600-1F64F,1F680-1F6FF,1F7E0-1F7EB,1F914,1F91D,1F932,1F966,1F98B,1F9D1-1F9D3,"
    "1F9E9,1F9ED,1F9F9,1FAB4"
)
UNUSED_TABLES = ["GSUB", "GPOS", "GDEF", "vmtx", "vhea", "STAT", "DSIG", "gasp", "meta"]


def cut(source, target, characters, features, unused_tables=(), prepare=None):
    options = subset.Options()
    options.hinting = False
    options.layout_features = features
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.drop_tables += list(unused_tables)
    options.notdef_outline = True
    font = subset.load_font(source, options)
    if prepare:
        prepare(font)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=subset.parse_unicodes(characters))
    subsetter.subset(font)
    font.save(target)


def prepare_inter(font):
    use_tabular_digits(font)
    draw_missing_as_box(font)


def use_tabular_digits(font):
    """Gives all digits one width, so that figures align in a column."""
    tabular = {}
    table = font["GSUB"].table
    for record in table.FeatureList.FeatureRecord:
        if record.FeatureTag == "tnum":
            for index in record.Feature.LookupListIndex:
                for part in table.LookupList.Lookup[index].SubTable:
                    tabular.update(getattr(getattr(part, "ExtSubTable", part), "mapping", {}))
    for characters in font["cmap"].tables:
        for digit in range(0x30, 0x3A):
            if digit in characters.cmap:
                glyph = characters.cmap[digit]
                characters.cmap[digit] = tabular.get(glyph, glyph)


def draw_missing_as_box(font):
    """Replaces Inter's heavy sign for a missing character by an empty box."""
    glyphs = font["CFF "].cff.topDictIndex[0].CharStrings
    em = font["head"].unitsPerEm
    advance, height, stroke = int(em * 0.72), int(em * 0.727), em // 20
    left, right = stroke * 2, advance - stroke * 2
    pen = T2CharStringPen(advance, None)
    pen.moveTo((left, 0))
    for point in [(right, 0), (right, height), (left, height)]:
        pen.lineTo(point)
    pen.closePath()
    pen.moveTo((left + stroke, stroke))
    for point in [(left + stroke, height - stroke), (right - stroke, height - stroke), (right - stroke, stroke)]:
        pen.lineTo(point)
    pen.closePath()
    former = glyphs[".notdef"]
    glyphs[".notdef"] = pen.getCharString(former.private, former.globalSubrs)
    font["hmtx"][".notdef"] = (advance, left)


inter, dejavu, emoji = sys.argv[1:]
for weight in ["Regular", "Bold"]:
    features = ["kern", "mark", "mkmk", "ccmp", "locl"]
    cut(f"{inter}/Inter-{weight}.otf", f"Inter-{weight}.otf", LATIN, features, prepare=prepare_inter)
cut(dejavu, "DejaVuSans.ttf", HEBREW_ARABIC, ["*"])
cut(emoji, "NotoEmoji.ttf", PICTOGRAMS, [], UNUSED_TABLES)
