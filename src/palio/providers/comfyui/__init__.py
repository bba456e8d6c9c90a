"""ComfyUI, a server of one's own: graphs built from small parts, and runs under ids that are ours."""
