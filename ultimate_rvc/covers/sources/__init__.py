"""Where songs come from: `find` tells what somebody means, `web` fetches, `shelf` keeps what was fetched."""
