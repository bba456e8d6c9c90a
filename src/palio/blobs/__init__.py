"""Files that jobs make and users send: kept durably, checked, named, and handed out by signed URLs."""
