//! What an operator reads when a file is wrong, word for word.

use insta::assert_snapshot;

use super::*;

const EXAMPLE: &str = include_str!("../../docs/crieur.toml.example");
const SMALLEST: &str = "[organisation]\ntitle = \"Ville de Trifouilly\"\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    parse_with(text, &[])
}

fn parse_with(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    Config::parse(Path::new("crieur.toml"), text, environment)
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn the_example_is_right_and_holds_the_defaults() {
    let config = parse(EXAMPLE).unwrap();
    let smallest = parse(SMALLEST).unwrap();
    assert_eq!(config.organisation, smallest.organisation);
    assert_eq!(config.http.public.listen, smallest.http.public.listen);
    assert_eq!(config.http.admin.listen, smallest.http.admin.listen);
    assert_eq!(config.log.filter, smallest.log.filter);
    assert_eq!(config.stopping.deadline_seconds, smallest.stopping.deadline_seconds);
    #[cfg(feature = "webchat")]
    assert_eq!(
        config.accounts[0].settings(),
        Some(&AccountSettings::Webchat(adapter_webchat::WebchatSettings::default())),
    );
}

#[test]
#[cfg(feature = "webchat")]
fn the_committed_schema_is_current() {
    let committed = include_str!("../../docs/schema/crieur.schema.json");
    let current = serde_json::to_string_pretty(&Config::json_schema()).unwrap();
    assert_eq!(
        committed.trim(),
        current,
        "write it anew: crieur check-config --schema > docs/schema/crieur.schema.json"
    );
}

#[test]
fn an_unknown_field_is_named_with_its_line_and_what_was_meant() {
    assert_snapshot!(
        error("[organisation]\ntitle = \"Trifouilly\"\n\n[http.public]\nlisten = \"127.0.0.1:80\"\npublic_ulr = \"https://a.fr\"\n"),
        @"crieur.toml:6: http.public.public_ulr is not known: did you mean `public_url`?"
    );
    assert_snapshot!(
        error("[organisation]\ntitle = \"Trifouilly\"\n\n[telegram]\ntoken = \"x\"\n"),
        @"crieur.toml:4: telegram is not known: the fields here are organisation, database, http, log, stopping, fetch, secrets, account, plugins"
    );
}

#[test]
fn a_missing_field_is_named() {
    assert_snapshot!(error("[log]\nformat = \"json\"\n"), @"crieur.toml: organisation is missing: write it (docs/crieur.toml.example shows every field)");
    assert_snapshot!(error("[organisation]\ndefault_locale = \"en\"\n"), @"crieur.toml:1: organisation.title is missing: write it (docs/crieur.toml.example shows every field)");
}

#[test]
fn a_file_that_is_not_toml_is_told_by_its_line() {
    assert_snapshot!(error("[organisation]\ntitle = \"Trifouilly\n"), @r#"crieur.toml:2: this is not TOML: invalid basic string, expected `"`"#);
}

#[test]
fn values_that_do_not_fit_say_what_to_write() {
    let with = |rest: &str| error(&format!("{SMALLEST}{rest}"));
    assert_snapshot!(with("time_zone = \"Paris\"\n"), @"crieur.toml:3: organisation.time_zone does not fit: `Paris` is no IANA time zone: write for example Europe/Paris");
    assert_snapshot!(with("default_locale = \"de\"\n"), @"crieur.toml:3: organisation.default_locale does not fit: unknown variant `de`, expected `fr` or `en`");
    assert_snapshot!(with("[http.public]\nlisten = \"8080\"\n"), @"crieur.toml:4: http.public.listen does not fit: `8080` is no address with a port: write for example 127.0.0.1:8080");
    assert_snapshot!(with("[log]\nfilter = \"crieur=loud\"\n"), @r#"crieur.toml:4: log.filter is not a filter (error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5): write for example info,bot_core=debug"#);
    assert_snapshot!(with("[stopping]\ndeadline_seconds = 0\n"), @"crieur.toml:4: stopping.deadline_seconds is 0: write a number from 1 to 600");
}

#[test]
fn sending_hours_are_read_from_a_line_or_a_table_and_checked() {
    let with = |rest: &str| error(&format!("{SMALLEST}[organisation.sending]\n{rest}\n"));
    for (rest, said) in [
        ("hours = \"mon-fri 9-18\"", "`9-18` is no part of a day: write for example 09:00-12:30"),
        ("hours = { lundi = [\"09:00-12:00\"] }", "`lundi` is no day: write mon"),
        ("hours = {}", "`hours` names no hour, so nothing would ever go out"),
        ("working_days_only = true\nhours = \"sat 09:00-12:00\"", "`hours` has none from Monday to Friday"),
        ("pressure = { messages = 2, days = 367 }", "367 days are too many for `pressure`: write 1 to 366"),
    ] {
        let said_instead = with(rest);
        assert!(said_instead.contains(said), "{rest}: {said_instead}");
    }
}

#[test]
fn checks_across_fields_are_told_together() {
    let text = "[organisation]\ntitle = \" \"\n\n[http.public]\nlisten = \"0.0.0.0:8080\"\ntrusted_proxies = [\"10.0.0.0/8\", \"proxy\"]\n\n\
                [http.admin]\nlisten = \"0.0.0.0:9464\"\n\n[database]\nurl_file = \"/etc/crieur/url\"\ndata_dir = \"/srv/crieur\"\n";
    assert_snapshot!(error(text), @r"
crieur.toml:2: organisation.title is empty: write your organisation's name
crieur.toml:13: database.data_dir is for the private server, and your own is set: keep one of the two
crieur.toml:4: http.public.public_url is missing: others reach this listener, so write the address they use, such as https://consultations.example.fr
crieur.toml:6: http.public.trusted_proxies[2] `proxy` is not a network: write an address such as 127.0.0.1 or a range such as 10.0.0.0/8
crieur.toml:9: http.admin.listen can be reached from elsewhere, and it tells about the inside: write 127.0.0.1 with a port, and let a proxy that asks for a password reach it
");
}

#[test]
fn a_public_url_is_a_bare_origin() {
    for (url, is_right) in [
        ("https://consultations.example.fr", true),
        ("http://localhost:8080", true),
        ("https://consultations.example.fr/", false),
        ("https://example.fr/chat", false),
        ("consultations.example.fr", false),
        ("ftp://example.fr", false),
    ] {
        let text = format!("{SMALLEST}[http.public]\npublic_url = \"{url}\"\n");
        assert_eq!(parse(&text).is_ok(), is_right, "{url}");
    }
}

#[test]
fn accounts_are_checked_by_their_platform() {
    let with = |rest: &str| error(&format!("{SMALLEST}\n{rest}"));
    assert_snapshot!(with("[[account]]\nname = \"Le Chat\"\nplatform = \"webchat\"\n"), @"crieur.toml:5: account[1].name must be 1 to 63 of a-z, 0-9 and `-`, and begin with a letter or digit");
    assert_snapshot!(with("[[account]]\nname = \"chat\"\nplatform = \"minitel\"\n"), @"crieur.toml:6: account[1].platform `minitel` is not known: write one of discord, matrix, telegram, webchat");
    assert_snapshot!(with("[[account]]\nname = \"chat\"\nplatform = \"webchat\"\n\n[account.settings]\nstream_max = 3\n"), @"crieur.toml:9: account[1].settings.stream_max is not known: did you mean `streams_max`?");
    assert_snapshot!(with("[[account]]\nname = \"chat\"\nplatform = \"webchat\"\n\n[account.settings]\nstreams_max = 300\n"), @"crieur.toml:9: account[1].settings.streams_max is 300: write a number from 1 to 100");
    assert_snapshot!(with("[[account]]\nname = \"a\"\nplatform = \"webchat\"\n\n[[account]]\nname = \"a\"\nplatform = \"webchat\"\n"), @r"
crieur.toml:9: account[2].name is there twice: each account has a name of its own
crieur.toml:10: account[2].platform is webchat again: one webchat is served, so keep one
");
}

#[test]
fn settings_of_plugins_are_checked_by_their_manifest() {
    let with = |rest: &str| error(&format!("{SMALLEST}\n{rest}"));
    assert_snapshot!(with("[plugins.barometer]\n"), @"crieur.toml:4: plugins.barometer is no plugin of this build: there is micro-consultations, survey-reminders, barometer-digests");
    assert_snapshot!(with("[plugins.micro-consultations]\nloud = true\n"), @"crieur.toml:5: plugins.micro-consultations.loud is not known: this plugin has no settings, so remove it");
}

#[test]
fn a_password_stays_out_of_the_file_and_of_every_message() {
    let text = format!("{SMALLEST}[database]\nurl = \"postgres://crieur:hunter2@db/crieur\"\n");
    let error = parse(&text).unwrap_err();
    assert_snapshot!(error.to_string(), @"crieur.toml:4: database.url holds a password: put the address in a file and name it in `url_file`, or set CRIEUR_DATABASE__URL");
    let url = ("CRIEUR_DATABASE__URL", "postgres://crieur:hunter2@db/crieur");
    let config = parse_with(SMALLEST, &[url]).unwrap();
    assert!(config.database.given().unwrap().is_some());
    assert!(!format!("{config:?}").contains("hunter2"));
    let config = parse_with(SMALLEST, &[("CRIEUR_DATABASE__URL", "hunter2")]).unwrap();
    let error = config.database.given().unwrap_err().to_string();
    assert_snapshot!(error, @"database.url does not hold an address of a database: write postgres://user:password@host/name");
}

#[test]
fn variables_win_over_the_file_whatever_their_type() {
    let environment = [
        ("CRIEUR_HTTP__PUBLIC__LISTEN", "127.0.0.1:8181"),
        ("CRIEUR_STOPPING__DEADLINE_SECONDS", "30"),
        ("CRIEUR_HTTP__PUBLIC__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
        ("CRIEUR_ORGANISATION__TITLE", "2026"),
        ("CRIEUR_TEST_POSTGRES", "none of ours"),
    ];
    let config = parse_with(EXAMPLE, &environment).unwrap();
    assert_eq!(config.http.public.listen.port(), 8181);
    assert_eq!(config.stopping.deadline_seconds, 30);
    assert_eq!(config.http.public.trusted_proxies, ["10.0.0.0/8"]);
    assert_eq!(config.organisation.title, "2026");
}

#[test]
#[cfg(feature = "webchat")]
fn a_variable_reaches_an_account_by_its_name() {
    let text = EXAMPLE.replace("name = \"webchat\"", "name = \"le-chat\"");
    let config = parse_with(&text, &[("CRIEUR_ACCOUNT__LE_CHAT__SETTINGS__STREAMS_MAX", "9")]).unwrap();
    let Some(AccountSettings::Webchat(settings)) = config.accounts[0].settings() else { panic!("no settings") };
    assert_eq!(settings.streams_max, 9);
}

#[test]
fn a_wrong_variable_is_told_by_its_name() {
    let wrong = |name, value| parse_with(SMALLEST, &[(name, value)]).unwrap_err().to_string();
    assert_snapshot!(wrong("CRIEUR_HTTP__PUBLIC__LISEN", "127.0.0.1:80"), @"CRIEUR_HTTP__PUBLIC__LISEN: http.public.lisen is not known: did you mean `listen`?");
    assert_snapshot!(wrong("CRIEUR_STOPPING__DEADLINE_SECONDS", "soon"), @r#"CRIEUR_STOPPING__DEADLINE_SECONDS: stopping.deadline_seconds does not fit: invalid type: string "soon", expected a whole number"#);
}

#[test]
fn a_missing_file_says_how_to_begin() {
    let error = Config::load(Path::new("/nowhere/crieur.toml"), []).unwrap_err();
    assert_snapshot!(error.to_string(), @"/nowhere/crieur.toml: does not exist: copy docs/crieur.toml.example there, or name another file with --config. To look around first, run `crieur demo`");
}

#[test]
fn what_may_be_fetched_and_which_secrets_there_are_is_checked() {
    let fetch = "[organisation]\ntitle = \"Trifouilly\"\n\n[fetch]\nallow = [\"10.0.0.5\"]\n";
    assert_snapshot!(error(fetch), @"crieur.toml:5: fetch.allow[1] `10.0.0.5` is no host with a port: write for example 10.0.0.5:443 or enquetes.mairie.lan:443");
    let secret = "[organisation]\ntitle = \"Trifouilly\"\n\n[secrets.limesurvey]\nfile = \"password\"\nhosts = [\"https://enquetes.example.fr/\"]\n";
    assert_snapshot!(error(secret), @"crieur.toml:6: secrets.limesurvey.hosts[1] `https://enquetes.example.fr/` is no host: write its name alone, such as enquetes.example.fr");
    let name = "[organisation]\ntitle = \"Trifouilly\"\n\n[secrets.Lime-Survey]\nfile = \"password\"\n";
    assert_snapshot!(error(name), @"crieur.toml:4: secrets.Lime-Survey is no name of a secret: write 1 to 40 of a-z, 0-9 and `_`");
}
