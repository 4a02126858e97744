"""Formats of vendors' keys: a literal mark, and the characters before and after it.

Invariant: a format's mark is literal text, so that a text without any mark costs one pass for all vendors together;
alphabets are the vendor's own, lengths are the shortest ever issued, because vendors lengthen keys and do not shorten
them. To add a vendor, add a row (and a made-up key to the tests): gate, surrogate and the tables of the tests follow
from it.

Each row names its source: the vendor's documentation, the rule of that name in gitleaks' public configuration
(GITLEAKS), or keys as they were issued (SEEN). Formats of detect-secrets (`credentials.py`) are repeated here only
where vendors have changed them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from toolft_pipeline.verification.redaction.recognizer import SecretKind

GITLEAKS = "github.com/gitleaks/gitleaks, config/gitleaks.toml"
SEEN = "keys as issued; the vendor documents the prefix at most"

_ALNUM, _LOWER, _UPPER, _HEX, _WEB = "[A-Za-z0-9]", "[a-z0-9]", "[A-Z0-9]", "[0-9a-f]", "[A-Za-z0-9_-]"
_UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"


@dataclass(frozen=True, kw_only=True)
class VendorFormat:
    """Keys of one vendor. `before` and `after` surround the mark, in the syntax that RE2 and `re` share, without
    groups; a key begins where a word does, unless its mark begins with a sign. `source` documents the format."""

    vendor: str
    marks: tuple[str, ...]
    after: str
    source: str
    before: str = ""
    kind: SecretKind = SecretKind.VENDOR_TOKEN

    @property
    def mark(self) -> str:
        """A pattern of all marks, the longest first, because one may begin another."""
        return "|".join(re.escape(mark) for mark in sorted(self.marks, key=len, reverse=True))

    @property
    def pattern(self) -> str:
        """A whole key; the only group is the key."""
        start = "" if self.marks[0][0] in "./" and not self.before else "(?:^|[^A-Za-z0-9])"
        return f"{start}({self.before}(?:{self.mark}){self.after})"


def _of(vendor: str, *marks: str, after: str, source: str, before: str = "") -> VendorFormat:
    return VendorFormat(vendor=vendor, marks=marks, after=after, source=source, before=before)


VENDOR_FORMATS = (
    # models and their tools
    VendorFormat(
        vendor="OpenAI, Anthropic, OpenRouter and who follows them",
        marks=(
            *("sk-", "sk-proj-", "sk-svcacct-", "sk-admin-", "sk-live-", "sk-test-", "sk-ant-", "sk-ant-api03-"),
            *("sk-ant-admin01-", "sk-or-v1-"),
        ),
        after=f"{_WEB}{{16,}}",
        source=GITLEAKS,
        kind=SecretKind.OPENAI_KEY,
    ),
    _of("Hugging Face", "hf_", "api_org_", after=f"{_ALNUM}{{34,}}", source="huggingface.co/docs/hub/security-tokens"),
    _of("Groq", "gsk_", after=f"{_ALNUM}{{40,}}", source=SEEN),
    _of("xAI", "xai-", after=f"{_ALNUM}{{60,}}", source=SEEN),
    _of("Perplexity", "pplx-", after=f"{_ALNUM}{{40,}}", source=GITLEAKS),
    _of("Replicate", "r8_", after=f"{_ALNUM}{{37,}}", source=SEEN),
    _of("NVIDIA", "nvapi-", after=f"{_WEB}{{40,}}", source=SEEN),
    _of("Tavily", "tvly-", after=f"{_WEB}{{24,}}", source=SEEN),
    _of("Pinecone", "pcsk_", after=f"{_ALNUM}{{4,}}_{_ALNUM}{{40,}}", source=SEEN),
    _of("LangSmith", "lsv2_pt_", "lsv2_sk_", after=f"{_HEX}{{32}}(?:_{_HEX}{{10,}})?", source=SEEN),
    _of("LangSmith, before 2024", "ls__", after=f"{_HEX}{{32,}}", source=SEEN),
    _of("Langfuse", "sk-lf-", "pk-lf-", after=_UUID, source="langfuse.com/docs"),
    _of("Databricks", "dapi", after=f"{_HEX}{{32}}(?:-[0-9])?", source=GITLEAKS),
    # clouds
    VendorFormat(
        vendor="AWS",
        marks=("AKIA", "ASIA", "ABIA", "ACCA"),
        after=f"{_UPPER}{{16}}",
        source="docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
        kind=SecretKind.AWS_ACCESS_KEY,
    ),
    _of("AWS Bedrock", "ABSK", after="[A-Za-z0-9+/]{100,}={0,2}", source=GITLEAKS),
    VendorFormat(
        vendor="Google", marks=("AIza",), after=f"{_WEB}{{35}}", source=GITLEAKS, kind=SecretKind.GOOGLE_API_KEY
    ),
    _of(
        "Google OAuth",
        *("ya29.", "ya29.a0"),
        after=f"[A-Za-z0-9._-]{{19,}}{_WEB}",
        source="developers.google.com/identity/protocols/oauth2",
    ),
    _of("Google OAuth, refresh", "1//0", after=f"{_WEB}{{40,}}", source=SEEN),
    _of("Google OAuth, client", "GOCSPX-", after=f"{_WEB}{{24,}}", source=SEEN),
    _of(
        "Azure AD, client",
        "Q~",
        before="[A-Za-z0-9_~.]{3}[0-9]",
        after="[A-Za-z0-9_~.-]{30,33}[A-Za-z0-9_~-]",
        source=GITLEAKS,
    ),
    _of("Alibaba Cloud", "LTAI", after=f"{_ALNUM}{{16,}}", source=GITLEAKS),
    _of("Cloudflare, origin CA", "v1.0-", after=f"{_HEX}{{24}}-{_HEX}{{100,}}", source=GITLEAKS),
    _of("DigitalOcean", "dop_v1_", "doo_v1_", "dor_v1_", after=f"{_HEX}{{64}}", source=GITLEAKS),
    _of("Fly.io", "fo1_", "fm1a_", "fm1r_", "fm2_", after="[A-Za-z0-9_+/-]{43,}={0,3}", source=GITLEAKS),
    _of("Heroku", "HRKU-", "HRKU-AA", after=f"{_WEB}{{36,}}", source=GITLEAKS),
    _of("Netlify", "nfp_", "nfc_", "nfo_", after=f"{_ALNUM}{{36,}}", source=SEEN),
    _of("Supabase", "sbp_", after=f"{_HEX}{{40}}", source=SEEN),
    _of("Supabase, keys of a project", "sb_secret_", after=f"{_WEB}{{20,}}", source=SEEN),
    _of(
        "PlanetScale",
        "pscale_tkn_",
        "pscale_oauth_",
        "pscale_pw_",
        after="[A-Za-z0-9_.=-]{31,}[A-Za-z0-9_=-]",
        source=GITLEAKS,
    ),
    _of("OpenShift", "sha256~", after=f"{_WEB}{{43}}", source=GITLEAKS),
    _of("Pulumi", "pul-", after=f"{_HEX}{{40}}", source=GITLEAKS),
    _of("Terraform Cloud", ".atlasv1.", before=f"{_ALNUM}{{14}}", after=f"{_WEB}{{60,}}", source=GITLEAKS),
    _of(
        "Vault",
        "hvs.",
        "hvb.",
        "hvr.",
        after=f"{_WEB}{{24,}}",
        source="developer.hashicorp.com/vault/docs/concepts/tokens",
    ),
    _of("Doppler", "dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", after=f"[A-Za-z0-9_.-]{{39,}}{_WEB}", source=GITLEAKS),
    _of("1Password, account", "A3-", after=f"{_UPPER}{{6}}-(?:{_UPPER}{{5,11}}-){{3,5}}{_UPPER}{{5}}", source=GITLEAKS),
    _of("1Password, service", "ops_eyJ", after="[A-Za-z0-9+/]{100,}={0,3}", source=GITLEAKS),
    _of(
        "Tailscale",
        *(f"tskey-{kind}-" for kind in ("api", "auth", "client", "scim", "webhook")),
        after=f"{_ALNUM}{{6,}}-{_ALNUM}{{16,}}",
        source="tailscale.com/kb/1277/key-prefixes",
    ),
    _of("age", "AGE-SECRET-KEY-1", after=f"{_UPPER}{{58}}", source="github.com/FiloSottile/age"),
    # code and its registries
    VendorFormat(
        vendor="GitHub",
        marks=("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        after="[A-Za-z0-9_]{20,}",
        source="docs.github.com/authentication (token formats)",
        kind=SecretKind.GITHUB_TOKEN,
    ),
    _of(
        "GitLab",
        *("glpat-", "gldt-", "glft-", "glffct-", "glsoat-", "glrt-", "glrtr-", "glcbt-", "glimt-", "glptt-", "gloas-"),
        *("glagent-", "glwt-", "GR1348941"),
        after=f"{_WEB}{{20,}}(?:\\.{_LOWER}{{9}})?",
        source="docs.gitlab.com/security/tokens (prefixes)",
    ),
    _of("npm", "npm_", after=f"{_ALNUM}{{36,}}", source="docs.npmjs.com/about-access-tokens"),
    _of("RubyGems", "rubygems_", after=f"{_HEX}{{48}}", source=GITLEAKS),
    _of("Clojars", "CLOJARS_", after=f"{_LOWER}{{60}}", source=GITLEAKS),
    _of("Docker Hub", "dckr_pat_", "dckr_oat_", after=f"{_WEB}{{24,}}", source=SEEN),
    _of("Artifactory", "AKCp", after=f"{_ALNUM}{{60,}}", source=GITLEAKS),
    _of("Artifactory, reference", "cmVmd", after=f"{_ALNUM}{{59}}", source=GITLEAKS),
    _of("Sourcegraph", "sgp_", "sgp_local_", after=f"(?:{_HEX}{{16}}_)?{_HEX}{{40}}", source=GITLEAKS),
    _of("Atlassian", "ATATT3", "ATCTT3", after="[A-Za-z0-9_=-]{60,}", source=GITLEAKS),
    _of("Prefect", "pnu_", after=f"{_ALNUM}{{36}}", source=GITLEAKS),
    _of("Postman", "PMAK-", after=f"{_HEX}{{24}}-{_HEX}{{34}}", source=GITLEAKS),
    _of("ReadMe", "rdme_", after=f"{_LOWER}{{70}}", source=GITLEAKS),
    # what is watched
    _of("Grafana, service account", "glsa_", after=f"{_ALNUM}{{32}}_{_ALNUM}{{8}}", source=GITLEAKS),
    _of("Grafana Cloud", "glc_", after="[A-Za-z0-9+/]{32,}={0,3}", source=GITLEAKS),
    _of("Dynatrace", "dt0c01.", "dt0s01.", after=f"{_UPPER}{{24}}\\.{_UPPER}{{64}}", source=GITLEAKS),
    _of("New Relic", "NRAK-", after=f"{_UPPER}{{27}}", source=SEEN),
    _of("Sentry, user", "sntryu_", after=f"{_HEX}{{64}}", source=GITLEAKS),
    _of("Sentry, organisation", "sntrys_eyJ", after="[A-Za-z0-9+/_=]{60,}", source=GITLEAKS),
    _of("PostHog", "phx_", after=f"{_ALNUM}{{32,}}", source=SEEN),
    # talk, documents, design
    VendorFormat(
        vendor="Slack",
        marks=(*(f"xox{kind}-" for kind in "abcdeoprs"), "xoxe.xoxb-1-", "xoxe.xoxp-1-", "xapp-1-"),
        after="[A-Za-z0-9-]{10,}",
        source="api.slack.com/authentication/token-types",
        kind=SecretKind.SLACK_TOKEN,
    ),
    _of(
        "Slack, webhook",
        *("hooks.slack.com/services/T", "hooks.slack.com/workflows/T", "hooks.slack.com/triggers/T"),
        after="[A-Za-z0-9/]{24,}",
        source="api.slack.com/messaging/webhooks",
    ),
    _of(
        "Discord, webhook",
        *("discord.com/api/webhooks/", "discordapp.com/api/webhooks/"),
        after=f"[0-9]{{16,20}}/{_WEB}{{40,}}",
        source="discord.com/developers/docs/resources/webhook",
    ),
    _of(
        "Microsoft Teams, webhook",
        ".webhook.office.com/webhookb2/",
        after="[A-Za-z0-9@/-]{60,}",
        source=GITLEAKS,
    ),
    _of("Notion", "ntn_", after="[0-9]{8,}[A-Za-z0-9]{32,}", source=GITLEAKS),
    _of("Airtable", "pat", after=f"{_ALNUM}{{14}}\\.{_HEX}{{64}}", source=GITLEAKS),
    _of("Linear", "lin_api_", "lin_oauth_", after=f"{_ALNUM}{{40,}}", source=GITLEAKS),
    _of("Figma", "figd_", "figo_", after=f"{_WEB}{{36,}}", source=SEEN),
    _of("Dropbox", "sl.", "sl.u.", after=f"{_WEB}{{60,}}", source=SEEN),
    _of("Contentful", "CFPAT-", after=f"{_WEB}{{40,}}", source=SEEN),
    _of("Adobe", "p8e-", after=f"{_ALNUM}{{32}}", source=GITLEAKS),
    # mail, money, shops, travel
    _of("SendGrid", "SG.", after=f"{_WEB}{{16,}}\\.{_WEB}{{16,}}", source=GITLEAKS),
    _of("Brevo", "xkeysib-", "xsmtpsib-", after=f"{_HEX}{{64}}-{_ALNUM}{{16}}", source=GITLEAKS),
    _of("Twilio", "AC", "SK", after=f"{_HEX}{{32}}", source="www.twilio.com/docs/glossary/what-is-a-sid"),
    _of("Resend", "re_", after=f"{_ALNUM}{{8}}_{_ALNUM}{{20,}}", source=SEEN),
    _of(
        "HubSpot",
        *(f"pat-{region}-" for region in ("na1", "na2", "na3", "eu1", "ap1")),
        after=_UUID,
        source="developers.hubspot.com (private apps)",
    ),
    VendorFormat(
        vendor="Stripe",
        marks=tuple(f"{kind}k_{mode}_" for kind in "srp" for mode in ("live", "test", "prod")),
        after=f"{_ALNUM}{{16,}}",
        source="docs.stripe.com/keys",
        kind=SecretKind.STRIPE_KEY,
    ),
    _of("Stripe, webhook", "whsec_", after="[A-Za-z0-9+/]{24,}={0,2}", source="docs.stripe.com/webhooks"),
    _of("Square", "sq0atp-", "sq0csp-", "sq0idp-", after=f"{_WEB}{{22,}}", source=GITLEAKS),
    _of("Shopify", "shpat_", "shpca_", "shppa_", "shpss_", after="[0-9A-Fa-f]{32}", source=GITLEAKS),
    _of("Shippo", "shippo_live_", "shippo_test_", after=f"{_HEX}{{40}}", source=GITLEAKS),
    _of("EasyPost", "EZAK", "EZTK", after=f"{_ALNUM}{{54}}", source=GITLEAKS),
    _of("Duffel", "duffel_live_", "duffel_test_", after="[A-Za-z0-9_=-]{43}", source=GITLEAKS),
    _of("Facebook", "EAA", after=f"{_ALNUM}{{100,}}", source=GITLEAKS),
    _of("MaxMind", "_mmk", before=f"{_ALNUM}{{6}}_{_ALNUM}{{29}}", after="", source=GITLEAKS),
    # of no vendor
    VendorFormat(
        vendor="JSON web tokens",
        marks=("eyJ",),
        after=f"{_WEB}{{8,}}\\.eyJ{_WEB}{{8,}}\\.{_WEB}{{8,}}",
        source="RFC 7519",
        kind=SecretKind.JSON_WEB_TOKEN,
    ),
)

_KEY = [(each.kind, re.compile(rf"(?:{each.before})({each.mark}){each.after}")) for each in VENDOR_FORMATS]


class VendorMark(NamedTuple):
    """The kind of a key by its format, and the span of its mark."""

    kind: SecretKind
    start: int
    end: int


def find_vendor_mark(key: str) -> VendorMark | None:
    """The vendor's mark in a whole key; None if no format fits."""
    for kind, pattern in _KEY:
        if found := pattern.fullmatch(key):
            return VendorMark(kind, *found.span(1))
    return None
