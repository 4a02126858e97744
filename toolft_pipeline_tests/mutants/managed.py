"""Mutants of managed training: one job, no key in a message, weights from the mask."""

from __future__ import annotations

from toolft_pipeline_tests.mutants.mutant import Mutant

START, HTTP = "training/managed/start_once.py", "training/managed/hosts/http_api.py"
START_TESTS = ("training/managed/test_start_once.py",)

MUTANTS = (
    Mutant(
        name="start_again_without_a_look_at_the_list",
        file=START,
        old="        if tries > 1:",
        new="        if False:",
        why="an answer that is lost pays for a second job",
        tests=START_TESTS,
    ),
    Mutant(
        name="job_of_a_killed_attempt_is_not_looked_for",
        file=START,
        old="        if job.is_of(request) and job.id not in record.before:",
        new="        if False:",
        why="a process that is killed after the start, before its record, pays twice",
        tests=START_TESTS,
    ),
    Mutant(
        name="uploaded_file_is_not_looked_for",
        file=START,
        old="            if each.name == name and",
        new="            if False and",
        why="every attempt uploads the window again",
        tests=START_TESTS,
    ),
    Mutant(
        name="two_processes_start_at_once",
        file=START,
        old="    with locked(record_in):",
        new="    if True:",
        why="a retry beside a run that still lives starts a second job",
        tests=START_TESTS,
    ),
    Mutant(
        name="retry_after_is_not_read",
        file=HTTP,
        old="max(self.pauses.pause_s(number), error.retry_after_s or 0.0)",
        new="self.pauses.pause_s(number)",
        why="a host that asks for time is asked again at once",
        tests=START_TESTS,
    ),
    Mutant(
        name="key_in_the_hosts_message_is_shown",
        file=HTTP,
        old='text.replace(self._key, "***") if self._key else text',
        new="text",
        why="a host that quotes the key writes it into the log",
        tests=("training/managed/test_train_managed.py",),
    ),
    Mutant(
        name="every_message_has_weight_one",
        file="training/managed/training_file.py",
        old='sent["weight"] = int(trained)',
        new='sent["weight"] = 1',
        why="a host trains what the loss mask leaves out",
        tests=("training/managed/test_training_file.py",),
    ),
)
