"""Tests of the check of prompts."""
