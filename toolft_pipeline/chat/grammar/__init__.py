"""Grammars of assistant turns: what a chat format's parser reads as an answer or as valid calls of offered tools."""
