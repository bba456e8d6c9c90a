"""What each vendor sells, as data: `VENDOR.toml` beside this file, read into frozen structs and validated."""
