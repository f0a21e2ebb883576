"""What asking and answering sides share: request, digests, verdict, stanzas, lines. No policy."""
