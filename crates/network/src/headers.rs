//! Header hygiene: what concerns one connection only is not passed on (RFC 9110, section 7.6.1),
//! and the pod learns who asked.

use std::net::IpAddr;

use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Uri};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Removes the headers that belong to one connection.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    for name in [
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
    ] {
        headers.remove(name);
    }
}

/// Says for whom the request is made.
pub(crate) fn add_forwarded(headers: &mut HeaderMap, client: IpAddr, host: &str) {
    let before = headers
        .get(FORWARDED_FOR)
        .and_then(|value| value.to_str().ok());
    let chain = before.map_or_else(
        || client.to_string(),
        |before| format!("{before}, {client}"),
    );
    let mut set = |name: HeaderName, value: &str, replace: bool| {
        let wanted = replace || !headers.contains_key(&name);
        if let (true, Ok(value)) = (wanted, HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    };
    set(FORWARDED_FOR, &chain, true);
    set(FORWARDED_HOST, host, false);
    set(FORWARDED_PROTO, "http", false);
}

/// The protocol that a request wants to change to.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = headers.get_all(CONNECTION).iter().any(|value| {
        let tokens = value.to_str().unwrap_or_default().split(',');
        tokens
            .into_iter()
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
    });
    if asks {
        headers.get(UPGRADE).cloned()
    } else {
        None
    }
}

/// The host that a request asks for: that of the URI (HTTP/2, or a request to a proxy), else the
/// `Host` header.
pub(crate) fn host(uri: &Uri, headers: &HeaderMap) -> String {
    let header = || {
        headers
            .get(HOST)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    uri.authority()
        .map(ToString::to_string)
        .or_else(header)
        .unwrap_or_default()
}

/// The URI as HTTP/1.1 sends it to a server: path and query only.
pub(crate) fn origin_form(uri: &Uri) -> Uri {
    let path = uri.path_and_query().cloned();
    path.map_or_else(|| Uri::from_static("/"), Uri::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_headers_and_those_they_name_are_removed() {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONNECTION,
            HeaderValue::from_static("keep-alive, X-Private"),
        );
        headers.insert("x-private", HeaderValue::from_static("1"));
        headers.insert("keep-alive", HeaderValue::from_static("timeout=5"));
        headers.insert("accept", HeaderValue::from_static("*/*"));
        remove_hop_by_hop(&mut headers);
        assert_eq!(
            headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["accept"]
        );
    }

    #[test]
    fn the_client_is_added_to_the_chain() {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, HeaderValue::from_static("10.0.0.1"));
        add_forwarded(
            &mut headers,
            "127.0.0.1".parse().unwrap(),
            "shop.production",
        );
        assert_eq!(headers[FORWARDED_FOR], "10.0.0.1, 127.0.0.1");
        assert_eq!(headers[FORWARDED_HOST], "shop.production");
    }

    #[test]
    fn only_a_connection_header_makes_an_upgrade() {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        assert_eq!(upgrade(&headers), None);
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        assert_eq!(
            upgrade(&headers),
            Some(HeaderValue::from_static("websocket"))
        );
    }
}
