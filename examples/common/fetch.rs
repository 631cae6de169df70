//! What `fetch_playlists` asks Spotify for.

use std::error::Error;

use clap::Args;
use indicatif::ProgressBar;
use playlist_classifier::FeatureLookup;
use playlist_classifier::core::Playlist;
use playlist_classifier::spotify::{
    AlbumId, FetchEvent, FetchOptions, Library, ListSource, POLICY_NOTICE, PlaylistAccess, PlaylistId,
    PlaylistInfo, Session, SignIn, SpotifyConfig, StopFlag, features::FeatureCache, purge,
};
use serde_json::{Value, to_value};

/// What to fetch from Spotify.
#[derive(Args, Debug)]
#[command(next_help_heading = "From Spotify (needs an app of your own; see the README of playlist-spotify)")]
pub struct SpotifyArgs {
    /// Your Liked Songs
    #[arg(long, conflicts_with = "from")]
    pub liked: bool,
    /// A playlist by name, id or address; may be given again
    #[arg(long, value_name = "NAME", conflicts_with = "from")]
    pub playlist: Vec<String>,
    /// An album by id or address; may be given again
    #[arg(long, value_name = "ID", conflicts_with = "from")]
    pub album: Vec<AlbumId>,
    /// The tracks of all albums that you saved, as one list
    #[arg(long, conflicts_with = "from")]
    pub saved_albums: bool,
    /// Liked Songs and every playlist of your own
    #[arg(long, conflicts_with = "from")]
    pub all: bool,
    /// List your playlists and end
    #[arg(long, conflicts_with = "from")]
    pub list: bool,
    /// Forget the sign-in and end
    #[arg(long, conflicts_with = "from")]
    pub sign_out: bool,
    /// Delete fetched pages and kept features and end; your files stay
    #[arg(long, conflicts_with = "from")]
    pub purge: bool,
    /// The client id of your app (default: SPOTIFY_CLIENT_ID)
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// The port that the browser comes back to (default: any that is free)
    #[arg(long, value_name = "PORT")]
    pub redirect_port: Option<u16>,
}

impl SpotifyArgs {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        let lists = self.liked
            || self.saved_albums
            || self.all
            || !self.playlist.is_empty()
            || !self.album.is_empty();
        !(lists || self.list || self.sign_out || self.purge)
    }
}

/// What was read or fetched.
#[derive(Default)]
pub struct Fetched {
    pub playlists: Vec<Playlist>,
    /// For each playlist, what there is to say about it: text and JSON.
    pub reports: Vec<(String, Value)>,
    /// Files that were passed over, each with the reason.
    pub skipped: Vec<String>,
    /// Lists that Spotify refused, each with the reason.
    pub failed: Vec<String>,
    /// What ended the run before its time.
    pub ended_by: Option<String>,
    /// The listener, where Spotify was asked.
    pub session: Option<(Session, SpotifyConfig)>,
}

/// Shows what goes on: on the spinner of a terminal, else as a line of its own.
pub fn say(bar: &ProgressBar, text: &str) {
    if bar.is_hidden() {
        eprintln!("{text}");
    } else {
        bar.set_message(text.to_owned());
    }
}

/// Fetches what `args` ask for; `None` when they ask for something else than tracks, which is done then.
pub fn from_spotify(
    args: &SpotifyArgs,
    lookups: &[FeatureLookup],
    stop: &StopFlag,
    dry_run: bool,
) -> Result<Option<Fetched>, Box<dyn Error>> {
    let mut config = SpotifyConfig::from_env()?;
    if let Some(id) = &args.client_id {
        config = config.with_client_id(id);
    }
    let options = FetchOptions::default().with_stop(stop.clone());
    if args.sign_out || args.purge {
        clean_up(args, &config, &options)?;
        return Ok(None);
    }
    let session = session(args, &config)?;
    let mut library = Library::new(&session, &config, &options)?;
    let bar = super::spinner();
    let mut on_event = |event: FetchEvent<'_>| match event {
        FetchEvent::Page(_) => say(&bar, &event.to_string()),
        _ => bar.suspend(|| eprintln!("{event}")),
    };
    if args.list {
        let list = library.playlists(&mut on_event)?;
        super::print(&list.playlists.iter().map(line).collect::<String>())?;
        return Ok(None);
    }
    let lists = choose(args, &mut library, &mut on_event)?;
    if dry_run {
        let text: String = lists
            .iter()
            .map(|list| format!("would fetch {}\n", name(list)))
            .collect();
        let lookups: String = lookups
            .iter()
            .map(|lookup| format!("would look features up: {lookup}\n"))
            .collect();
        super::print(&(text + &lookups))?;
        return Ok(None);
    }
    let run = library.fetch(&lists, &mut on_event);
    bar.finish_and_clear();
    let mut fetched = Fetched {
        failed: run
            .failed
            .iter()
            .map(|failed| format!("{}: {}", failed.name, failed.error))
            .collect(),
        ended_by: run.ended_by.map(|error| error.to_string()),
        session: Some((session, config)),
        ..Fetched::default()
    };
    for list in run.lists {
        fetched
            .reports
            .push((list.report.to_string(), to_value(&list.report)?));
        fetched.playlists.push(list.playlist);
    }
    Ok(Some(fetched))
}

fn clean_up(
    args: &SpotifyArgs,
    config: &SpotifyConfig,
    options: &FetchOptions,
) -> Result<(), Box<dyn Error>> {
    if args.sign_out {
        let was = Session::sign_out(config)?;
        eprintln!("{}", if was { "signed out" } else { "nobody was signed in" });
    }
    if args.purge {
        let n_pages = purge(config, options)?;
        let path = FeatureCache::default_path()?;
        let n_features = if path.exists() {
            FeatureCache::open(&path)?.purge()?
        } else {
            0
        };
        eprintln!("deleted {n_pages} files of fetched pages and {n_features} kept features");
    }
    Ok(())
}

/// The listener that is signed in, after a sign-in where nobody is.
fn session(args: &SpotifyArgs, config: &SpotifyConfig) -> Result<Session, Box<dyn Error>> {
    if let Some(session) = Session::open(config)? {
        if let Some(warning) = session.warning() {
            eprintln!("note: {warning}");
        }
        return Ok(session);
    }
    eprintln!("{POLICY_NOTICE}\n");
    let mut sign_in = SignIn::new(config)?;
    if let Some(port) = args.redirect_port {
        sign_in = sign_in.with_redirect_port(port);
    }
    Ok(sign_in.run(|url| eprintln!("open this address in a browser on this machine:\n{url}"))?)
}

/// The lists that `args` name.
fn choose(
    args: &SpotifyArgs,
    library: &mut Library,
    on_event: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<Vec<ListSource>, Box<dyn Error>> {
    let mut lists = Vec::new();
    if args.liked || args.all {
        lists.push(ListSource::Liked);
    }
    let by_name = |text: &&String| text.parse::<PlaylistId>().is_err() || !looks_like_id(text);
    let known = if args.all || args.playlist.iter().any(|text| by_name(&text)) {
        library.playlists(on_event)?.playlists
    } else {
        Vec::new()
    };
    if args.all {
        let own = known
            .iter()
            .filter(|info| info.access != PlaylistAccess::Followed);
        lists.extend(own.cloned().map(ListSource::Playlist));
    }
    for text in &args.playlist {
        let found: Vec<&PlaylistInfo> = known
            .iter()
            .filter(|info| info.name.to_lowercase() == text.to_lowercase())
            .collect();
        match (found.as_slice(), text.parse::<PlaylistId>()) {
            ([], Ok(id)) if looks_like_id(text) => {
                lists.push(ListSource::Playlist(library.playlist(&id, on_event)?))
            }
            ([], _) => {
                return Err(
                    format!("you have no playlist `{text}`: --list shows those that you have").into(),
                );
            }
            (found, _) => lists.extend(found.iter().map(|info| ListSource::Playlist((*info).clone()))),
        }
    }
    if args.saved_albums {
        lists.push(ListSource::SavedAlbums);
    }
    lists.extend(args.album.iter().cloned().map(ListSource::Album));
    Ok(lists)
}

/// Whether the text is an id or an address and not just a name of letters and digits.
fn looks_like_id(text: &str) -> bool {
    text.contains([':', '/']) || text.len() == 22
}

fn name(list: &ListSource) -> String {
    match list {
        ListSource::Liked => "Liked Songs".to_owned(),
        ListSource::Playlist(info) => line(info).trim_end().to_owned(),
        ListSource::SavedAlbums => "saved albums".to_owned(),
        ListSource::Album(id) => format!("album {id}"),
        _ => "a list".to_owned(),
    }
}

fn line(info: &PlaylistInfo) -> String {
    let access = match info.access {
        PlaylistAccess::Own => "own",
        PlaylistAccess::Collaborative => "collaborative",
        _ => "followed: Spotify gives its tracks to its owner only",
    };
    let entries = info.n_entries.map_or_else(|| "?".to_owned(), |n| n.to_string());
    format!("{}  {} ({entries} entries, {access})\n", info.id, info.name)
}
