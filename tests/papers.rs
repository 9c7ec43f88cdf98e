//! What a page promises, a test holds: examples are read by the program's own readers, commands and names are looked
//! up where they are declared, and ARCHITECTURE.md's "never" is read in the manifests and in the SQL.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use barometer_digests::BarometerDigests;
use bot_core::plugin::{Audience, CommandDeclaration, Plugin};
use crieur::config::Config;
use micro_consultations::MicroConsultations;
use micro_consultations::{definition_file, pulse};
use serde_json::Value;
use survey_reminders::SurveyReminders;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page a reader is sent to, with its name below the root.
fn pages() -> Vec<(String, String)> {
    let mut names: Vec<String> = ["README", "ARCHITECTURE", "CHANGELOG", "CONTRIBUTING", "SECURITY"]
        .iter()
        .map(|name| format!("{name}.md"))
        .collect();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

/// Files below a directory with this ending.
fn files(directory: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(directory)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    open.push(path);
                }
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no *{ending} below {directory}");
    found
}

/// The fenced blocks of a page, with their language.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some((_, block))) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// What stands between single backquotes, outside blocks.
fn quoted(page: &str) -> Vec<String> {
    let mut prose = String::new();
    let mut outside = true;
    for line in page.lines() {
        if line.starts_with("```") {
            outside = !outside;
        } else if outside {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose.split('`').skip(1).step_by(2).map(|words| words.replace('\n', " ")).collect()
}

#[test]
fn every_example_file_is_right() {
    let (mut consultations, mut configurations) = (0, 0);
    for (name, page) in pages() {
        for (language, block) in blocks(&page) {
            if language != "toml" {
                continue;
            }
            if block.contains("[questionnaire]") {
                survey_reminders::definition_file::parse(&block)
                    .unwrap_or_else(|error| panic!("{name}: {error}\n{block}"));
            } else if block.contains("[weekly]") || block.contains("[monthly]") {
                barometer_digests::definition_file::parse(&block)
                    .unwrap_or_else(|error| panic!("{name}: {error}\n{block}"));
            } else if block.contains("slug = ") {
                pulse::file::read(&block).unwrap_or_else(|error| panic!("{name}: {error}\n{block}"));
                consultations += 1;
            } else if block.contains("time_zone = ") && !block.contains("[organisation]") {
                barometer_digests::definition_file::parse(&block)
                    .unwrap_or_else(|error| panic!("{name}: {error}\n{block}"));
            } else {
                Config::parse(Path::new(&name), &block, []).unwrap_or_else(|error| panic!("{error}\n{block}"));
                configurations += 1;
            }
        }
    }
    assert!(consultations >= 2 && configurations >= 1);
}

#[test]
fn the_first_consultation_has_ten_lines() {
    let readme = read("README.md");
    let example = blocks(&readme).into_iter().find(|(language, _)| language == "toml").unwrap().1;
    assert_eq!(example.lines().count(), 10);
}

/// Calls of the program in a page, as words.
fn calls(page: &str) -> Vec<Vec<String>> {
    let shell = blocks(page).into_iter().filter(|(language, _)| language == "sh").map(|(_, block)| block);
    let lines: Vec<String> = shell.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let all = lines.into_iter().chain(quoted(page));
    let calls = all.filter_map(|line| {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let is_call = words.first().is_some_and(|word| word == "crieur") && words.len() > 1;
        is_call.then(|| words[1..].to_vec())
    });
    calls.collect()
}

#[test]
fn every_command_named_exists_with_its_options() {
    let help = |path: &[String]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crieur"));
        let output = command.args(path).arg("--help").output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    };
    let has_subcommands = |help: &str| help.contains("\nCommands:\n");
    let mut known: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut looked_at = 0;
    for (name, page) in pages() {
        for call in calls(&page) {
            if call[0].starts_with("--") || call[0] == "help" {
                continue;
            }
            let mut path: Vec<String> = Vec::new();
            let mut told = known.entry(Vec::new()).or_insert_with(|| help(&[]).unwrap()).clone();
            for word in &call {
                if !has_subcommands(&told) || word.starts_with("--") {
                    break;
                }
                path.push(word.clone());
                told = match known.get(&path) {
                    Some(told) => told.clone(),
                    None => help(&path).unwrap_or_else(|| panic!("{name}: there is no `crieur {}`", path.join(" "))),
                };
                known.insert(path.clone(), told.clone());
            }
            for option in call.iter().filter(|word| word.starts_with("--")) {
                assert!(told.contains(option.as_str()), "{name}: `crieur {}` has no {option}", path.join(" "));
            }
            looked_at += 1;
        }
    }
    assert!(looked_at > 30, "only {looked_at} calls were found");
}

#[test]
fn the_chat_commands_are_those_declared() {
    let (consultations, reminders) = (MicroConsultations::new().unwrap(), SurveyReminders::new().unwrap());
    let digests = BarometerDigests::new().unwrap();
    let manifests = [consultations.manifest(), reminders.manifest(), digests.manifest()];
    let of_plugins = manifests.into_iter().flat_map(|manifest| manifest.commands.iter().cloned());
    let declared: Vec<CommandDeclaration> = of_plugins.chain(bot_core::people::COMMANDS).collect();
    let pairs = |audience| -> BTreeSet<(String, String)> {
        let those = declared.iter().filter(|command| command.audience == audience);
        those.map(|command| (format!("/{}", command.name), format!("/{}", command.name_en))).collect()
    };
    let page = read("docs/chat-commands.md");
    let (everyone, organisers) = page.split_once("## For organisers").unwrap();
    let written = |part: &str| -> BTreeSet<(String, String)> {
        let rows = part.lines().filter(|line| line.starts_with("| `/"));
        rows.map(|row| {
            let names: Vec<&str> = row.split('`').collect();
            (names[1].to_owned(), names[3].to_owned())
        })
        .collect()
    };
    assert_eq!(written(everyone), &pairs(Audience::Everyone) | &pairs(Audience::Moderators));
    assert_eq!(written(organisers), pairs(Audience::Organisers));
    assert!(pairs(Audience::Operators).is_empty(), "docs/chat-commands.md says that operators have none");
}

/// The anchor that a heading gets, as code forges make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut looked_at = 0;
    for (name, page) in pages() {
        let directory = root().join(&name).parent().unwrap().to_owned();
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            // Elsewhere, or a variable of a wording.
            if target.contains("://") || target.starts_with("{{") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { root().join(&name) } else { directory.join(file) };
            assert!(path.exists(), "{name}: {target} does not exist");
            if !heading.is_empty() {
                let text = fs::read_to_string(&path).unwrap();
                let headings =
                    text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#'));
                assert!(headings.map(anchor).any(|found| found == heading), "{name}: {target} has no such heading");
            }
            looked_at += 1;
        }
    }
    assert!(looked_at > 20);
}

#[test]
fn pictures_are_small_and_said_in_words() {
    let readme = read("README.md");
    for picture in files("docs/pictures", ".png") {
        let name = format!("docs/pictures/{}", picture.file_name().unwrap().to_string_lossy());
        assert!(fs::metadata(&picture).unwrap().len() < 150_000, "{name} is too large");
        let before = readme.split(&format!("]({name})")).next().unwrap();
        let words = before.rsplit("![").next().unwrap();
        assert!(readme.contains(&name) && words.len() > 20, "README.md does not say what {name} shows");
    }
}

#[test]
fn every_field_of_the_configuration_is_explained() {
    fn names(schema: &Value, found: &mut BTreeSet<String>) {
        match schema {
            Value::Object(fields) => {
                for (key, value) in fields {
                    if let (true, Value::Object(properties)) = (key == "properties", value) {
                        found.extend(properties.keys().cloned());
                    }
                    names(value, found);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| names(value, found)),
            _ => {}
        }
    }
    let mut fields = BTreeSet::new();
    names(&serde_json::to_value(Config::json_schema()).unwrap(), &mut fields);
    let page = read("docs/configuration.md");
    let missing: Vec<_> = fields.iter().filter(|field| !page.contains(field.as_str())).collect();
    assert!(fields.len() > 20 && missing.is_empty(), "docs/configuration.md does not explain {missing:?}");
}

#[test]
fn every_field_of_a_consultation_is_explained() {
    let page = read("docs/consultation-file.md");
    let schema = serde_json::to_value(definition_file::json_schema()).unwrap();
    let question = schema["$defs"]["QuestionInFile"]["properties"].as_object().unwrap();
    for field in schema["properties"].as_object().unwrap().keys().chain(question.keys()) {
        assert!(page.contains(&format!("| `{field}` |")), "docs/consultation-file.md does not explain {field}");
    }
}

#[test]
fn the_metrics_are_those_recorded() {
    let names_in = |text: &str, mark: &str| -> BTreeSet<String> {
        let rest = text.split(mark).skip(1);
        let names =
            rest.map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap().to_owned());
        names.filter(|name| name.starts_with("crieur_")).collect()
    };
    let mut recorded = BTreeSet::new();
    for directory in ["src", "bot-core/src", "adapters", "plugins"] {
        for file in files(directory, ".rs") {
            let source = fs::read_to_string(file).unwrap();
            for kind in ["counter!(\"", "gauge!(\"", "histogram!(\""] {
                recorded.extend(names_in(&source, kind));
            }
        }
    }
    let page = read("docs/operations.md");
    let table = page.split("| Metric |").nth(1).unwrap().split("Worth an alarm").next().unwrap();
    assert_eq!(names_in(table, "`"), recorded);
}

#[test]
fn what_is_kept_is_kept_so_long() {
    use bot_core::retention::{DEDUPE_KEY_DAYS, EVENT_CONTENT_DAYS, HISTORY_DAYS, PERSONAL_FILE_DAYS};
    let page = read("docs/operations.md");
    for (what, days) in [
        ("What people wrote and pressed", EVENT_CONTENT_DAYS),
        ("Handled events without their content", HISTORY_DAYS),
        ("Platform event ids", DEDUPE_KEY_DAYS),
        ("The file of `/mes_donnees`", PERSONAL_FILE_DAYS),
    ] {
        let row = page.lines().find(|line| line.starts_with(&format!("| {what}"))).unwrap();
        let period = format!("| {days} day");
        assert!(row.contains(&period), "{row} does not say {period}");
    }
}

#[test]
fn every_file_and_test_named_exists() {
    let mut sources = String::new();
    for directory in ["src", "bot-core", "adapters", "plugins", "xtask", "tests", "migrations"] {
        for ending in [".rs", ".sql"] {
            if directory == "migrations" && ending == ".rs" || directory != "migrations" && ending == ".sql" {
                continue;
            }
            for file in files(directory, ending) {
                sources.push_str(&fs::read_to_string(file).unwrap());
            }
        }
    }
    for (name, page) in pages() {
        for word in quoted(&page) {
            let is_sentence = !word.starts_with("crieur_")
                && word.matches('_').count() >= 4
                && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if is_sentence {
                assert!(sources.contains(&format!("fn {word}(")), "{name}: there is no test {word}");
            }
            let is_path = ["bot-core/", "src/", "adapters/", "plugins/", "tests/", "xtask/"]
                .iter()
                .any(|start| word.starts_with(start))
                && !word.contains(' ');
            if is_path && name != "CHANGELOG.md" {
                assert!(root().join(&word).exists(), "{name}: there is no {word}");
            }
        }
    }
}

#[test]
fn the_licence_is_whole() {
    let licence = read("LICENSE");
    assert!(licence.trim_start().starts_with("GNU AFFERO GENERAL PUBLIC LICENSE\n                       Version 3"));
    assert_eq!(licence.lines().count(), 661);
    assert!(licence.ends_with("<https://www.gnu.org/licenses/>.\n"));
}

/// The crates of this workspace that a manifest names, development aside.
fn own_dependencies(manifest: &str) -> BTreeSet<String> {
    let workspace: toml::Table = read("Cargo.toml").parse().unwrap();
    let shared = workspace["workspace"]["dependencies"].as_table().unwrap();
    let is_own = |name: &&String| shared.get(*name).is_some_and(|dependency| dependency.get("path").is_some());
    let manifest: toml::Table = read(manifest).parse().unwrap();
    manifest["dependencies"].as_table().unwrap().keys().filter(is_own).cloned().collect()
}

/// Whether the workspace's crate `name` lies below `directory`.
fn is_part_of(name: &str, directory: &str) -> bool {
    let workspace: toml::Table = read("Cargo.toml").parse().unwrap();
    let path = workspace["workspace"]["dependencies"][name]["path"].as_str().unwrap().to_owned();
    path.starts_with(directory)
}

fn manifests_below(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    entries.map(|entry| format!("{directory}/{}/Cargo.toml", entry.unwrap().file_name().to_string_lossy())).collect()
}

#[test]
fn adapters_and_plugins_know_the_core_and_nobody_else() {
    let core_only = BTreeSet::from(["bot-core".to_owned()]);
    for manifest in manifests_below("adapters").into_iter().chain(manifests_below("plugins")) {
        // A part of its own, in its own directory, is no neighbour.
        let mut known = own_dependencies(&manifest);
        known.retain(|name| !is_part_of(name, manifest.trim_end_matches("Cargo.toml")));
        assert_eq!(known, core_only, "{manifest}");
    }
    for manifest in manifests_below("adapters") {
        let text: toml::Table = read(&manifest).parse().unwrap();
        assert!(!text["dependencies"].as_table().unwrap().contains_key("sqlx"), "{manifest}: an adapter has no SQL");
    }
    let core = own_dependencies("bot-core/Cargo.toml");
    assert!(
        core.is_subset(&BTreeSet::from(["crieur-charts", "crieur-spreadsheets"].map(str::to_owned))),
        "bot-core depends on {core:?}"
    );
}

/// The text of every checked query of a crate.
fn queries(of: &str) -> Vec<String> {
    let files = files(&format!("{of}/.sqlx"), ".json");
    let read = files.into_iter().map(|file| {
        let query: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        query["query"].as_str().unwrap().to_owned()
    });
    read.collect()
}

#[test]
fn each_plugin_keeps_to_its_own_tables_and_the_core_to_its_own() {
    let plugin = MicroConsultations::new().unwrap();
    let schema = plugin.manifest().sql_schema;
    let names_table_of = |query: &str, schema: &str| {
        let name = format!("{schema}.");
        let mut found = query.match_indices(&name).filter(|(at, _)| {
            let before = query[..*at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
        });
        found.next().is_some()
    };
    let theirs = queries("plugins/micro-consultations");
    assert!(theirs.iter().any(|query| names_table_of(query, schema)));
    for query in theirs {
        assert!(!names_table_of(&query, "core"), "the plugin names a table of the core:\n{query}");
    }
    for query in queries("bot-core") {
        assert!(!names_table_of(&query, schema), "the core names a table of a plugin:\n{query}");
    }
}

#[test]
fn business_time_never_comes_from_the_database() {
    let migrations = files("migrations", ".sql").into_iter().map(|file| fs::read_to_string(file).unwrap());
    let without_comments = migrations.map(|text| {
        text.lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
    });
    let all: Vec<String> =
        queries("bot-core").into_iter().chain(queries("plugins/micro-consultations")).chain(without_comments).collect();
    let forbidden =
        ["current_timestamp", "localtimestamp", "current_date", "transaction_timestamp(", "statement_timestamp("];
    for query in all {
        let lower = query.to_lowercase();
        let calls_now = lower
            .match_indices("now()")
            .any(|(at, _)| !lower[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_'));
        assert!(
            !calls_now && !forbidden.iter().any(|word| lower.contains(word)),
            "time comes from the database:\n{query}"
        );
        // Leases protect against a dead process, and therefore use the database's clock; `doctor` compares the two clocks.
        assert!(
            !lower.contains("clock_timestamp") || lower.contains("lease_until") || lower.contains("server_version"),
            "{query}"
        );
    }
}
