"""Made-up keys in the formats of real vendors: nobody's, for each is drawn here, and none stands whole in this file,
so that no scanner of secrets takes the repository for leaky."""

from __future__ import annotations

import random
import string

LOWER, UPPER, DIGIT = string.ascii_lowercase, string.ascii_uppercase, string.digits
HEX, ALNUM, UPPER_ALNUM = DIGIT + "abcdef", LOWER + UPPER + DIGIT, UPPER + DIGIT
WEB = ALNUM + "_-"

_FORMATS: dict[str, tuple[object, ...]] = {
    "1Password account": ("A3-", 6, UPPER_ALNUM, "-", 6, UPPER_ALNUM, *("-", 5, UPPER_ALNUM) * 4),
    "1Password service": ("ops_eyJ", 250, ALNUM),
    "Adobe": ("p8e-", 32, LOWER + DIGIT),
    "age": ("AGE-SECRET-KEY-1", 58, UPPER_ALNUM),
    "Airtable": ("pat", 14, ALNUM, ".", 64, HEX),
    "Alibaba Cloud": ("LTAI", 20, ALNUM),
    "Anthropic": ("sk-ant-api03-", 93, WEB, "AA"),
    "Artifactory": ("AKCp", 69, ALNUM),
    "Artifactory reference": ("cmVmd", 59, ALNUM),
    "Atlassian": ("ATATT3", 186, WEB),
    "AWS": ("AKIA", 16, UPPER_ALNUM),
    "AWS Bedrock": ("ABSK", 128, ALNUM),
    "AWS service bearer": ("ABIA", 16, UPPER_ALNUM),
    "Azure AD client": (3, ALNUM, 1, DIGIT, "Q~", 34, ALNUM),
    "Brevo": ("xkeysib-", 64, HEX, "-", 16, ALNUM),
    "Clojars": ("CLOJARS_", 60, LOWER + DIGIT),
    "Cloudflare origin CA": ("v1.0-", 24, HEX, "-", 146, HEX),
    "Contentful": ("CFPAT-", 43, WEB),
    "Databricks": ("dapi", 32, HEX),
    "DigitalOcean": ("dop_v1_", 64, HEX),
    "Discord webhook": ("https://discord.com/api/webhooks/", 19, DIGIT, "/", 68, WEB),
    "Docker Hub": ("dckr_pat_", 27, WEB),
    "Doppler": ("dp.pt.", 43, ALNUM),
    "Dropbox": ("sl.u.", 140, WEB),
    "Duffel": ("duffel_live_", 43, WEB),
    "Dynatrace": ("dt0c01.", 24, UPPER_ALNUM, ".", 64, UPPER_ALNUM),
    "EasyPost": ("EZAK", 54, ALNUM),
    "Facebook": ("EAA", 160, ALNUM),
    "Figma": ("figd_", 40, WEB),
    "Fly.io": ("fm2_", 160, ALNUM),
    "GitHub": ("ghp_", 36, ALNUM),
    "GitHub fine-grained": ("github_pat_", 22, ALNUM, "_", 59, ALNUM),
    "GitLab": ("glpat-", 20, WEB),
    "GitLab feature flags": ("glffct-", 20, WEB),
    "Google API": ("AIza", 35, WEB),
    "Google OAuth": ("ya29.a0", 160, WEB),
    "Google OAuth client": ("GOCSPX-", 28, WEB),
    "Google OAuth refresh": ("1//0", 60, WEB),
    "Grafana": ("glsa_", 32, ALNUM, "_", 8, HEX),
    "Grafana Cloud": ("glc_", 120, ALNUM),
    "Groq": ("gsk_", 52, ALNUM),
    "Heroku": ("HRKU-AA", 58, WEB),
    "HubSpot": ("pat-na1-", 8, HEX, *("-", 4, HEX) * 3, "-", 12, HEX),
    "Hugging Face": ("hf_", 34, LOWER + UPPER),
    "Hugging Face organisation": ("api_org_", 34, LOWER + UPPER),
    "JSON web token": ("eyJ", 33, ALNUM, ".eyJ", 60, ALNUM, ".", 43, WEB),
    "Langfuse": ("pk-lf-", 8, HEX, *("-", 4, HEX) * 3, "-", 12, HEX),
    "LangSmith": ("lsv2_pt_", 32, HEX, "_", 10, HEX),
    "LangSmith before 2024": ("ls__", 32, HEX),
    "Linear": ("lin_api_", 40, ALNUM),
    "MaxMind": (6, ALNUM, "_", 29, ALNUM, "_mmk"),
    "Netlify": ("nfp_", 36, ALNUM),
    "New Relic": ("NRAK-", 27, UPPER_ALNUM),
    "Notion": ("ntn_", 11, DIGIT, 35, ALNUM),
    "npm": ("npm_", 36, ALNUM),
    "NVIDIA": ("nvapi-", 64, WEB),
    "OpenAI": ("sk-proj-", 74, WEB, "T3BlbkFJ", 74, WEB),
    "OpenRouter": ("sk-or-v1-", 64, HEX),
    "OpenShift": ("sha256~", 43, WEB),
    "Perplexity": ("pplx-", 48, ALNUM),
    "Pinecone": ("pcsk_", 6, ALNUM, "_", 63, ALNUM),
    "PlanetScale": ("pscale_tkn_", 43, WEB),
    "PostHog": ("phx_", 43, ALNUM),
    "Postman": ("PMAK-", 24, HEX, "-", 34, HEX),
    "Prefect": ("pnu_", 36, ALNUM),
    "Pulumi": ("pul-", 40, HEX),
    "ReadMe": ("rdme_", 70, LOWER + DIGIT),
    "Replicate": ("r8_", 37, ALNUM),
    "Resend": ("re_", 8, ALNUM, "_", 24, ALNUM),
    "RubyGems": ("rubygems_", 48, HEX),
    "SendGrid": ("SG.", 22, WEB, ".", 43, WEB),
    "Sentry": ("sntryu_", 64, HEX),
    "Sentry organisation": ("sntrys_eyJ", 100, ALNUM),
    "Shippo": ("shippo_live_", 40, HEX),
    "Shopify": ("shpat_", 32, HEX),
    "Shopify secret": ("shpss_", 32, HEX),
    "Slack app": ("xapp-1-", "A0", 9, UPPER_ALNUM, "-", 13, DIGIT, "-", 64, HEX),
    "Slack bot": ("xoxb-", 12, DIGIT, "-", 13, DIGIT, "-", 24, ALNUM),
    "Slack configuration": ("xoxe.xoxp-1-", 164, UPPER_ALNUM),
    "Slack webhook": ("https://hooks.slack.com/services/T", 10, UPPER_ALNUM, "/B", 10, UPPER_ALNUM, "/", 24, ALNUM),
    "Sourcegraph": ("sgp_", 16, HEX, "_", 40, HEX),
    "Square": ("sq0atp-", 22, WEB),
    "Stripe": ("sk_live_", 24, ALNUM),
    "Stripe webhook": ("whsec_", 32, ALNUM),
    "Supabase": ("sbp_", 40, HEX),
    "Supabase project": ("sb_secret_", 31, WEB),
    "Tailscale": ("tskey-auth-", 12, ALNUM, "CNTRL-", 32, ALNUM),
    "Tavily": ("tvly-", 32, ALNUM),
    "Teams webhook": (
        *("https://acme.webhook.office.com/webhookb2/", 8, HEX, *("-", 4, HEX) * 3, "-", 12, HEX, "@"),
        *(8, HEX, *("-", 4, HEX) * 3, "-", 12, HEX, "/IncomingWebhook/", 32, HEX, "/", 8, HEX),
    ),
    "Terraform Cloud": (14, ALNUM, ".atlasv1.", 67, WEB),
    "Twilio": ("SK", 32, HEX),
    "Vault": ("hvs.", 96, WEB),
    "xAI": ("xai-", 80, ALNUM),
}
"""Vendor: literal pieces, and lengths of drawn ones with their alphabets."""


def _drawn(vendor: str) -> str:
    draw, pieces, parts = random.Random(vendor), list(_FORMATS[vendor]), []
    while pieces:
        piece = pieces.pop(0)
        if isinstance(piece, int):
            alphabet = str(pieces.pop(0))
            parts.append("".join(draw.choice(alphabet) for _ in range(piece)))
        else:
            parts.append(str(piece))
    key = "".join(parts)
    return key[:-1] + "7" if key[-1] in "_-" else key


VENDOR_KEYS = {vendor: _drawn(vendor) for vendor in _FORMATS}
"""A key of each vendor, the same on every run."""

PREFIX = {vendor: str(pieces[0]) if isinstance(pieces[0], str) else "" for vendor, pieces in _FORMATS.items()}
"""What each key begins with, and a stand-in for it too."""
