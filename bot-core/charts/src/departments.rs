//! The 101 départements of France, and a grid where each has a tile of the same size.

/// A département: its code and name as INSEE's official geographic code has them, with its place on the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Department(usize);

impl Department {
    /// All of them, by code; those overseas last.
    pub fn all() -> impl Iterator<Item = Department> {
        (0..NAMES.len()).map(Department)
    }

    /// By code (`01`, `1`, `2a`, `974`) or by name, whatever its accents, hyphens and capitals.
    pub fn find(text: &str) -> Option<Department> {
        let wanted = folded(text);
        let code = if wanted.len() == 1 { format!("0{wanted}") } else { wanted.clone() };
        Department::all().find(|one| folded(one.code()) == code || folded(one.name()) == wanted)
    }

    pub fn code(self) -> &'static str {
        NAMES[self.0].0
    }

    pub fn name(self) -> &'static str {
        NAMES[self.0].1
    }

    /// Its tile: column and row, from the top left.
    pub(crate) fn place(self) -> (usize, usize) {
        let columns = |row: &'static str| row.split_whitespace().position(|code| code == self.code());
        GRID.iter().enumerate().find_map(|(row, codes)| Some((columns(codes)?, row))).unwrap_or_default()
    }
}

pub(crate) const COLUMNS: usize = 12;
pub(crate) const ROWS: usize = GRID.len();

/// Small letters and digits alone, without accents.
fn folded(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .filter_map(|letter| match letter {
            'à' | 'â' | 'ä' => Some('a'),
            'ç' => Some('c'),
            'é' | 'è' | 'ê' | 'ë' => Some('e'),
            'î' | 'ï' => Some('i'),
            'ô' | 'ö' => Some('o'),
            'ù' | 'û' | 'ü' => Some('u'),
            other => other.is_alphanumeric().then_some(other),
        })
        .collect()
}

/// North above, each tile beside the neighbours it has on the ground as far as squares allow; Paris and its ring have
/// tiles as large as the others. Overseas on the left, Corsica on the right.
const GRID: [&str; 13] = [
    "  .   .   .   .   .   .  62  59   .   .   .   .",
    "  .   .   .   .   .  76  80  02  08   .   .   .",
    "  .   .   .  50  14  27  60  51  55  54  57  67",
    " 29  22  35  53  61  95  93  77  10  52  88  68",
    "  .  56  44  72  78  92  75  94  89  21  70  90",
    "  .   .  85  49  28  91  45  58  71  39  25   .",
    "  .   .   .  79  37  41  18  03  69  01  74   .",
    "971   .   .  17  86  36  23  63  42  38  73   .",
    "972   .   .  16  87  19  15  43  07  26  05   .",
    "973   .   .  33  24  46  12  48  30  84  04  06",
    "974   .   .  40  47  82  81  34  13  83   .   .",
    "976   .   .  64  32  31  11   .   .   .   .  2B",
    "  .   .   .   .  65  09  66   .   .   .   .  2A",
];

const NAMES: [(&str, &str); 101] = [
    ("01", "Ain"),
    ("02", "Aisne"),
    ("03", "Allier"),
    ("04", "Alpes-de-Haute-Provence"),
    ("05", "Hautes-Alpes"),
    ("06", "Alpes-Maritimes"),
    ("07", "Ardèche"),
    ("08", "Ardennes"),
    ("09", "Ariège"),
    ("10", "Aube"),
    ("11", "Aude"),
    ("12", "Aveyron"),
    ("13", "Bouches-du-Rhône"),
    ("14", "Calvados"),
    ("15", "Cantal"),
    ("16", "Charente"),
    ("17", "Charente-Maritime"),
    ("18", "Cher"),
    ("19", "Corrèze"),
    ("2A", "Corse-du-Sud"),
    ("2B", "Haute-Corse"),
    ("21", "Côte-d’Or"),
    ("22", "Côtes-d’Armor"),
    ("23", "Creuse"),
    ("24", "Dordogne"),
    ("25", "Doubs"),
    ("26", "Drôme"),
    ("27", "Eure"),
    ("28", "Eure-et-Loir"),
    ("29", "Finistère"),
    ("30", "Gard"),
    ("31", "Haute-Garonne"),
    ("32", "Gers"),
    ("33", "Gironde"),
    ("34", "Hérault"),
    ("35", "Ille-et-Vilaine"),
    ("36", "Indre"),
    ("37", "Indre-et-Loire"),
    ("38", "Isère"),
    ("39", "Jura"),
    ("40", "Landes"),
    ("41", "Loir-et-Cher"),
    ("42", "Loire"),
    ("43", "Haute-Loire"),
    ("44", "Loire-Atlantique"),
    ("45", "Loiret"),
    ("46", "Lot"),
    ("47", "Lot-et-Garonne"),
    ("48", "Lozère"),
    ("49", "Maine-et-Loire"),
    ("50", "Manche"),
    ("51", "Marne"),
    ("52", "Haute-Marne"),
    ("53", "Mayenne"),
    ("54", "Meurthe-et-Moselle"),
    ("55", "Meuse"),
    ("56", "Morbihan"),
    ("57", "Moselle"),
    ("58", "Nièvre"),
    ("59", "Nord"),
    ("60", "Oise"),
    ("61", "Orne"),
    ("62", "Pas-de-Calais"),
    ("63", "Puy-de-Dôme"),
    ("64", "Pyrénées-Atlantiques"),
    ("65", "Hautes-Pyrénées"),
    ("66", "Pyrénées-Orientales"),
    ("67", "Bas-Rhin"),
    ("68", "Haut-Rhin"),
    ("69", "Rhône"),
    ("70", "Haute-Saône"),
    ("71", "Saône-et-Loire"),
    ("72", "Sarthe"),
    ("73", "Savoie"),
    ("74", "Haute-Savoie"),
    ("75", "Paris"),
    ("76", "Seine-Maritime"),
    ("77", "Seine-et-Marne"),
    ("78", "Yvelines"),
    ("79", "Deux-Sèvres"),
    ("80", "Somme"),
    ("81", "Tarn"),
    ("82", "Tarn-et-Garonne"),
    ("83", "Var"),
    ("84", "Vaucluse"),
    ("85", "Vendée"),
    ("86", "Vienne"),
    ("87", "Haute-Vienne"),
    ("88", "Vosges"),
    ("89", "Yonne"),
    ("90", "Territoire de Belfort"),
    ("91", "Essonne"),
    ("92", "Hauts-de-Seine"),
    ("93", "Seine-Saint-Denis"),
    ("94", "Val-de-Marne"),
    ("95", "Val-d’Oise"),
    ("971", "Guadeloupe"),
    ("972", "Martinique"),
    ("973", "Guyane"),
    ("974", "La Réunion"),
    ("976", "Mayotte"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_one_tile_of_its_own() {
        let on_grid: Vec<&str> =
            GRID.iter().flat_map(|row| row.split_whitespace()).filter(|code| *code != ".").collect();
        assert_eq!(on_grid.len(), 101);
        let places: BTreeSet<(usize, usize)> = Department::all().map(Department::place).collect();
        assert_eq!(places.len(), 101);
        assert!(GRID.iter().all(|row| row.split_whitespace().count() == COLUMNS));
    }

    #[test]
    fn codes_are_the_official_ones() {
        let codes: Vec<&str> = Department::all().map(Department::code).collect();
        let mut expected: Vec<String> = (1..=95).filter(|code| *code != 20).map(|code| format!("{code:02}")).collect();
        expected.splice(19..19, ["2A".to_owned(), "2B".to_owned()]);
        expected.extend(["971", "972", "973", "974", "976"].map(str::to_owned));
        assert_eq!(codes, expected);
    }

    /// Borders anybody would look for.
    #[test]
    fn the_grid_looks_like_the_country() {
        let place = |text: &str| Department::find(text).unwrap().place();
        assert!(Department::all().all(|one| one.code().len() == 3 || place("Nord").1 <= one.place().1));
        assert!(place("Finistère").0 < place("Paris").0 && place("Paris").0 < place("Bas-Rhin").0);
        assert!(place("Pas-de-Calais").1 < place("Paris").1 && place("Paris").1 < place("Bouches-du-Rhône").1);
        let touching = |one: &str, other: &str| {
            let ((a, b), (c, d)) = (place(one), place(other));
            a.abs_diff(c) <= 1 && b.abs_diff(d) <= 1
        };
        for (one, other) in [
            ("75", "92"),
            ("75", "93"),
            ("75", "94"),
            ("22", "29"),
            ("22", "35"),
            ("59", "62"),
            ("67", "68"),
            ("13", "83"),
            ("73", "74"),
            ("38", "73"),
            ("2A", "2B"),
            ("33", "40"),
            ("40", "64"),
            ("44", "85"),
            ("11", "66"),
        ] {
            assert!(touching(one, other), "{one} {other}");
        }
    }

    #[test]
    fn they_are_found_by_code_and_by_name() {
        let code = |text: &str| Department::find(text).map(Department::code);
        assert_eq!(code("1"), Some("01"));
        assert_eq!(code(" 2a "), Some("2A"));
        assert_eq!(code("COTE D'OR"), Some("21"));
        assert_eq!(code("Val-d’Oise"), Some("95"));
        assert_eq!(code("la réunion"), Some("974"));
        assert_eq!(code("20"), None);
        assert_eq!(code("Métropoles"), None);
        assert_eq!(code(""), None);
    }
}
