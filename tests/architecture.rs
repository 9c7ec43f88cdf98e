//! What the parts of crieur must not know of each other, read from their sources.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Platforms of the adapters, as code and cargo's features name them.
const PLATFORMS: [&str; 4] = ["webchat", "telegram", "discord", "matrix"];

/// The library that each platform is spoken to with. The webchat needs none.
const LIBRARIES: [(&str, &str); 3] = [("telegram", "teloxide"), ("discord", "serenity"), ("matrix", "matrix-sdk")];

/// OpenSSL of the system, and what speaks to it.
const SYSTEM_TLS: [&str; 3] = ["native-tls", "openssl", "openssl-sys"];

/// TLS in Rust, with its cryptography.
const RUST_TLS: [&str; 3] = ["rustls", "ring", "aws-lc-sys"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folders(of: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(of)).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<PathBuf> = entries.filter(|path| path.join("Cargo.toml").exists()).collect();
    assert!(!folders.is_empty(), "{of} holds no crate");
    folders
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Every file below `folder` whose name ends so, with its text.
fn files(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().ends_with(ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// The program of a file: without comments, and without its tests, which stand at the bottom.
fn program(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let all = files(&folder.join("src"), ".rs");
    // Files that are declared for tests only, beside whoever declares them.
    let tests_only: BTreeSet<PathBuf> = all
        .iter()
        .flat_map(|(path, text)| {
            let modules = text.split("#[cfg(test)]\nmod ").chain(text.split("#[cfg(test)]\npub(crate) mod "));
            let names = modules.skip(1).filter_map(|rest| rest.split_once(';')).map(|(name, _)| name.to_owned());
            let beside = path.parent().map(Path::to_owned).unwrap_or_default();
            names.map(move |name| beside.join(format!("{name}.rs"))).collect::<Vec<_>>()
        })
        .collect();
    let program_files = all.into_iter().filter(|(path, _)| {
        let is_named_so = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("_tests"));
        !is_named_so && !tests_only.contains(path)
    });
    let sources: Vec<_> = program_files.map(|(path, text)| (path, program(&text))).collect();
    assert!(!sources.is_empty(), "{} has no source", folder.display());
    sources
}

/// The SQL of a source: what stands in `query!(…)` and its like.
fn queries(source: &str) -> Vec<String> {
    let mut queries = Vec::new();
    for start in ["query!(", "query_as!(", "query_scalar!("] {
        for (at, _) in source.match_indices(start) {
            let rest = &source[at..];
            let raw = rest.find("r#\"").filter(|raw| rest[..*raw].find('"').is_none());
            let sql = match raw {
                Some(raw) => rest[raw + 3..].split("\"#").next(),
                None => rest.split('"').nth(1),
            };
            queries.push(sql.unwrap().to_owned());
        }
    }
    queries
}

/// `schema.table` wherever a table is named.
fn tables(sql: &str) -> BTreeSet<String> {
    let words: Vec<&str> =
        sql.split(|c: char| c.is_whitespace() || "(),;".contains(c)).filter(|w| !w.is_empty()).collect();
    let named = words.windows(2).filter(|pair| ["FROM", "JOIN", "INTO", "UPDATE", "USING"].contains(&pair[0]));
    named.map(|pair| pair[1].to_owned()).filter(|table| table.contains('.')).collect()
}

#[test]
fn an_adapter_speaks_no_sql_and_knows_no_plugin() {
    let plugins: Vec<String> = folders("plugins").iter().map(|folder| name_of(folder)).collect();
    for adapter in folders("adapters") {
        for (path, source) in sources(&adapter) {
            assert!(!source.contains("sqlx"), "{} speaks SQL", path.display());
            for plugin in plugins.iter().flat_map(|name| [name.clone(), name.replace('-', "_")]) {
                assert!(!source.contains(&plugin), "{} names the plugin {plugin}", path.display());
            }
        }
    }
}

#[test]
fn a_plugin_knows_no_platform_and_no_table_but_its_own() {
    let others = |own: &str| -> Vec<String> {
        folders("plugins").iter().map(|folder| name_of(folder)).filter(|name| name != own).collect()
    };
    for plugin in folders("plugins") {
        let name = name_of(&plugin);
        let schema = name.replace('-', "_");
        let mut asked = 0;
        for (path, source) in sources(&plugin) {
            let lower = source.to_lowercase();
            for platform in PLATFORMS {
                assert!(!lower.contains(platform), "{} names the platform {platform}", path.display());
            }
            for other in others(&name) {
                assert!(!source.contains(&other.replace('-', "_")), "{} names the plugin {other}", path.display());
            }
            for query in queries(&source) {
                asked += 1;
                for table in tables(&query) {
                    let own = table.starts_with(&format!("{schema}."));
                    assert!(own, "{} reaches for {table} in:\n{query}", path.display());
                }
                assert!(!query.contains("core."), "{} reaches for the core in:\n{query}", path.display());
            }
        }
        assert!(asked > 0, "{name}: no query was looked at");
    }
}

#[test]
fn the_core_knows_neither_plugins_nor_their_tables() {
    let plugins: Vec<String> = folders("plugins").iter().map(|folder| name_of(folder)).collect();
    for (path, source) in sources(&root().join("bot-core")) {
        for plugin in plugins.iter().flat_map(|name| [name.clone(), name.replace('-', "_")]) {
            assert!(!source.contains(&plugin), "{} names the plugin {plugin}", path.display());
        }
        for query in queries(&source) {
            let foreign: Vec<String> = tables(&query)
                .into_iter()
                .filter(|table| !["core.", "information_schema."].iter().any(|known| table.starts_with(known)))
                // A column after `FROM` in `IS DISTINCT FROM excluded.column` or `EXTRACT(… FROM t.c)` is no table.
                .filter(|table| table.contains("_consultations"))
                .collect();
            assert!(foreign.is_empty(), "{} reaches for {foreign:?}", path.display());
        }
    }
}

/// What cargo says of the workspace, offline and as a newcomer's cargo would.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--locked", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        // A workplace may build several crates' features together; what is asked here is each by itself.
        .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn packages() -> Vec<Value> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version=1", "--no-deps"])).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The names of every crate that is compiled into the program with these features.
fn crates_with(features: &str) -> BTreeSet<String> {
    let tree = ["tree", "--package", "crieur", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    let listed = cargo(&[&tree[..], &["--no-default-features", "--features", features]].concat());
    listed.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn adapters_and_plugins_rest_on_the_core_alone() {
    let packages = packages();
    let own: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let mut looked_at = 0;
    for package in &packages {
        let (name, manifest) = (package["name"].as_str().unwrap(), package["manifest_path"].as_str().unwrap());
        let may: &[&str] = if manifest.contains("/adapters/") {
            &["bot-core"]
        } else if name == "digest-parsing" {
            // What strangers write is read without knowing why.
            &["crieur-spreadsheets"]
        } else if manifest.contains("/plugins/") {
            &["bot-core", "crieur-charts", "digest-parsing", "fake-limesurvey", "fake-opendatasoft"]
        } else if name == "simulation" {
            // It runs the core and its plugins, past networks of its own.
            &["barometer-digests", "bot-core", "survey-reminders"]
        } else if manifest.contains("/tests/") {
            // A fake knows what the platform says, and nothing of what we make of it.
            &[]
        } else {
            continue;
        };
        looked_at += 1;
        let its_platform = [name.replace("adapter-", "fake-"), name.replace("adapter-", "real-")];
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            let is_its_platform = dependency["kind"] == "dev" && its_platform.iter().any(|platform| platform == on);
            assert!(!own.contains(on) || may.contains(&on) || is_its_platform, "{name} rests on {on}");
        }
    }
    let parts_of_plugins = folders("plugins/barometer-digests").len();
    let expected = folders("adapters").len() + folders("plugins").len() + folders("tests").len() + parts_of_plugins;
    assert_eq!(looked_at, expected);
}

#[test]
fn a_chat_library_is_named_by_its_own_adapter_alone() {
    let mut found = BTreeSet::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            // Their parts count as well: `teloxide-core`, `matrix-sdk-crypto`.
            let Some((platform, library)) = LIBRARIES.into_iter().find(|(_, library)| on.starts_with(library)) else {
                continue;
            };
            assert_eq!(name, format!("adapter-{platform}"), "{name} names {on}");
            found.insert(library);
        }
    }
    assert_eq!(found.len(), LIBRARIES.len(), "{found:?}");
}

#[test]
fn each_feature_brings_its_own_library_and_no_other() {
    for platform in PLATFORMS {
        let crates = crates_with(platform);
        for other in PLATFORMS {
            let adapter = format!("adapter-{other}");
            assert_eq!(crates.contains(&adapter), other == platform, "with {platform}: {adapter}");
        }
        for (its, library) in LIBRARIES {
            assert_eq!(crates.contains(library), its == platform, "with {platform}: {library}");
        }
    }
}

#[test]
fn only_discord_needs_the_openssl_of_the_system_and_the_demonstration_no_tls_at_all() {
    for platform in PLATFORMS {
        let crates = crates_with(platform);
        for library in SYSTEM_TLS {
            assert_eq!(crates.contains(library), platform == "discord", "with {platform}: {library}");
        }
    }
    let together = crates_with("telegram,matrix,webchat");
    assert!(SYSTEM_TLS.iter().all(|library| !together.contains(*library)));
    assert!(RUST_TLS.iter().all(|library| together.contains(*library)));
    let demonstration = crates_with("webchat");
    assert!(RUST_TLS.iter().all(|library| !demonstration.contains(*library)), "cargo demo builds what it does not use");
    let alias = fs::read_to_string(root().join(".cargo/config.toml")).unwrap();
    assert!(alias.contains("demo = \"run --package crieur --no-default-features --features webchat"));
}

/// As soon as Discord is built in, an HTTP client that says nothing would use OpenSSL too.
#[test]
fn every_other_request_says_that_it_uses_rustls() {
    for adapter in folders("adapters").into_iter().filter(|adapter| name_of(adapter) != "discord") {
        for (path, source) in sources(&adapter) {
            for silent in ["reqwest::Client::new(", "reqwest::get(", "Bot::new(", "Bot::from_env("] {
                assert!(!source.contains(silent), "{}: {silent} does not say which TLS", path.display());
            }
            for (at, _) in source.match_indices("reqwest::Client::builder()") {
                let chain = source[at..].split(';').next().unwrap();
                assert!(chain.contains(".use_rustls_tls()"), "{}: add .use_rustls_tls() to {chain}", path.display());
            }
        }
    }
}

#[test]
fn business_time_never_comes_from_the_database() {
    let mut looked_at = 0;
    let mut check = |path: &Path, sql: &str| {
        looked_at += 1;
        for line in sql.lines().map(|line| line.split("--").next().unwrap().to_lowercase()) {
            for clock in ["now()", "current_timestamp", "current_date", "localtimestamp", "statement_timestamp"] {
                assert!(!line.contains(clock), "{}: {line}", path.display());
            }
            // A lease protects against a dead process, so it goes by the database's own clock; `doctor` compares the
            // two clocks.
            if line.contains("clock_timestamp()") {
                let may = sql.contains("lease_until") || line.contains("as \"clock!\"");
                assert!(may, "{}: {line}", path.display());
            }
        }
    };
    for (path, sql) in files(&root().join("migrations"), ".sql") {
        check(&path, &sql);
    }
    let crates =
        ["adapters", "plugins"].into_iter().flat_map(folders).chain([root().join("bot-core"), root().to_owned()]);
    for folder in crates {
        for (path, source) in files(&folder.join("src"), ".rs") {
            for query in queries(&program(&source)) {
                check(&path, &query);
            }
        }
        for (path, query) in files(&folder.join(".sqlx"), ".json") {
            let query: Value = serde_json::from_str(&query).unwrap();
            check(&path, query["query"].as_str().unwrap());
        }
    }
    assert!(looked_at > 100, "{looked_at} pieces of SQL");
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let output = Command::new("git").arg("-C").arg(root()).args(["ls-files", "-z"]).output();
    // A source archive without its history holds what was committed, and nothing to ask.
    let Some(output) = output.ok().filter(|output| output.status.success()) else { return };
    let listed = String::from_utf8(output.stdout).unwrap();
    let mut looked_at = 0;
    for name in listed.split('\0').filter(|name| !name.is_empty() && *name != "tests/architecture.rs") {
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        looked_at += 1;
        for path in ["root", "work", "home", "Users", "var/tmp"].map(|folder| format!("/{folder}/")) {
            let found = text.lines().find(|line| {
                // In the middle of another path it is part of it: `~/here/x`, `example.org/home/`.
                line.match_indices(&path).any(|(at, _)| {
                    !line[..at].ends_with(|before: char| before.is_alphanumeric() || "~.-_}>".contains(before))
                })
            });
            assert_eq!(found, None, "{name} names a place of one machine");
        }
    }
    assert!(looked_at > 100);
}
