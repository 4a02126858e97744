"""The hosts by the value of `managed.api`."""

from __future__ import annotations

from toolft_pipeline.settings import ManagedApi
from toolft_pipeline.training.managed.hosts.host import Host
from toolft_pipeline.training.managed.hosts.openai_host import OpenAIHost
from toolft_pipeline.training.managed.hosts.together_host import TogetherHost

HOSTS: dict[ManagedApi, Host] = {
    ManagedApi.OPENAI: OpenAIHost(),
    ManagedApi.TOGETHER: TogetherHost(),
}
