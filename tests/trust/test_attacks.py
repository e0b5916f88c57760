"""Each attack that this app is tested against, by name, and the tests that carry it out.

A table to read, and a guard: it fails when a test that it names is gone.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import Fault

TESTS = Path(__file__).parent.parent

ATTACKS = {
    # What callers send.
    "no id at all": [
        "alipay/test_client.py::test_a_request_body_without_any_id_is_refused",
        "services/test_cancelling.py::test_ids_that_cannot_be_sent_are_refused_by_name",
    ],
    "an id of 65 characters": ["trust/test_policy.py::test_an_id_that_cannot_be_one_is_refused"],
    "an id with a line break, NUL, quote, emoji or a mark that turns the writing round": [
        "trust/test_policy.py::test_an_id_that_cannot_be_one_is_refused",
        "trust/test_policy.py::test_an_odd_id_is_sent_as_it_is_and_names_no_other_payment",
    ],
    "the id of another merchant or tenant": [
        "trust/test_permissions.py::test_a_payment_of_another_merchant_or_person_is_404_over_rest",
        "api/test_permissions.py::test_what_is_out_of_reach_is_answered_like_what_does_not_exist",
    ],
    "GET, PUT or DELETE at the address that cancels": [
        "trust/test_permissions.py::test_no_method_but_post_does_anything",
    ],
    "a form without its CSRF token": [
        "trust/test_permissions.py"
        "::test_every_form_of_every_page_carries_a_token_and_is_refused_without",
        "trust/test_permissions.py::test_over_rest_a_session_without_a_token_is_refused",
    ],
    "staff without permission post straight to the confirmation": [
        "trust/test_permissions.py::test_one_who_may_only_look_cannot_forge_the_action",
    ],
    "a payment that a backend or the shop's own rule denies, alone or among a thousand": [
        "trust/test_permitting.py::test_over_rest_a_payment_that_is_denied_stays_out_of_reach",
        "trust/test_permitting.py::test_in_the_admin_a_payment_that_is_denied_is_left_out",
        "trust/test_permitting.py::test_a_rule_of_the_shops_admin_is_asked_for_every_payment",
        "trust/test_permitting.py::test_what_is_no_clear_yes_refuses_and_is_logged",
        "trust/test_permitting.py::test_a_command_that_acts_for_a_user_asks_for_each_payment",
    ],
    "a body that drips, sent by somebody who is refused": [
        "api/test_served.py::test_a_body_that_drips_and_is_refused_holds_no_worker",
    ],
    "a buyer who has us call Alipay again and again": [
        "api/test_buyers.py"
        "::test_a_rejection_that_is_new_is_given_to_the_buyer_again_and_nothing_is_sent",
        "api/test_buyers.py"
        "::test_where_buyers_may_refresh_alipay_is_asked_every_300_seconds_at_most",
        "api/test_buyers.py::test_a_shop_whose_buyers_ask_without_limit_is_warned_on_deployment",
    ],
    "a forged action name": ["trust/test_permissions.py::test_a_forged_action_name_does_nothing"],
    "selected ids outside the person's queryset, or none at all": [
        "trust/test_permissions.py"
        "::test_ids_outside_the_users_queryset_do_nothing_wherever_they_are_put",
        "trust/test_permissions.py::test_a_forged_id_is_found_nowhere_and_breaks_nothing",
    ],
    "a selection across a million rows": [
        "admin/test_many.py::test_a_selection_that_is_too_large_is_refused_and_never_read",
    ],
    "a web page that drives a developer's FakeAlipay": [
        "testing/test_control.py::test_no_web_page_can_control_the_gateway",
        "testing/test_control.py::test_no_web_page_can_read_the_payments",
    ],
    "hostile JSON from a caller": [
        "api/test_bad_input.py::test_a_bad_body_is_refused",
        "api/test_bad_input.py::test_a_body_of_ten_megabytes_is_refused",
        "trust/test_notifications.py::test_a_signed_message_that_cannot_be_read_is_refused",
        "trust/test_notifications.py::test_a_body_of_ten_megabytes_is_refused",
    ],
    # What an answer may be.
    "a signature missing, empty, halved, doubled, of another algorithm or letter case": [
        "trust/test_policy.py::test_a_forged_answer_to_a_cancel_stays_unknown",
        "trust/test_policy.py::test_a_forged_answer_to_an_inquiry_changes_nothing",
        "trust/test_policy.py::test_what_is_only_spelt_otherwise_is_believed",
    ],
    "an answer signed with the merchant's own, an old or another key": [
        "trust/test_policy.py::test_an_answer_signed_with_another_key_is_not_believed",
        "trust/test_policy.py::test_with_several_keys_any_of_them_counts_whatever_the_key_version_says",
        "trust/test_keys.py::test_an_old_key_that_was_taken_out_is_not_believed_any_more",
    ],
    "a genuine answer for another payment or of another call": [
        "trust/test_policy.py::test_a_genuine_answer_for_another_payment_needs_a_person",
        "trust/test_policy.py::test_a_genuine_inquiry_about_another_payment_changes_nothing",
        "trust/test_policy.py::test_a_genuine_answer_of_another_call_is_not_believed",
        "trust/test_policy.py::test_a_signed_s_with_other_ids_needs_a_person",
    ],
    "a genuine answer of yesterday or tomorrow": [
        "trust/test_policy.py"
        "::test_an_answer_of_another_time_is_not_believed_where_the_shop_bounds_it",
        "trust/test_policy.py"
        "::test_a_refusal_of_the_same_payment_recorded_long_ago_is_not_believed",
    ],
    "a resultStatus that is none, or S with an unknown code or time": [
        "trust/test_policy.py::test_a_forged_answer_to_a_cancel_stays_unknown",
        "trust/test_policy.py::test_what_is_only_spelt_otherwise_is_believed",
    ],
    "a redirect, a page, an empty answer, an HTTP error with a signed S": [
        "trust/test_policy.py::test_another_status_than_200_is_no_answer_even_with_a_signed_s",
        "trust/test_policy.py::test_a_page_instead_of_an_answer_is_no_answer",
    ],
    "a drip, 1 GB, a gzip bomb, a header bomb, a reset after sending": [
        "trust/test_resources.py::test_an_answer_cannot_exhaust_us",
    ],
    "a server that is not who it says": [
        "trust/test_tls.py::test_a_server_that_is_not_who_it_says_gets_nothing",
        "trust/test_tls.py::test_a_server_that_resets_after_reading_is_unknown_and_never_not_sent",
    ],
    "a notification that Alipay did not sign": [
        "trust/test_notifications.py"
        "::test_what_alipay_did_not_sign_for_this_merchant_is_not_believed",
        "trust/test_notifications.py::test_a_message_signed_with_our_own_key_is_not_believed",
        "trust/test_notifications.py::test_a_message_to_another_path_is_not_believed",
    ],
    "a notification for a merchant that there is not": [
        "trust/test_aliases.py::test_an_alias_in_the_address_that_is_none_is_404_and_one_line",
    ],
    "anything at all": [
        "trust/test_fuzz.py::test_the_reader_of_answers_never_breaks_and_believes_only_alipay",
        "trust/test_fuzz.py::test_a_signature_header_is_read_or_refused",
        "trust/test_fuzz.py::test_the_notification_view_never_breaks_and_believes_only_alipay",
    ],
    # What the shop may have set, and what comes out.
    "a gateway address that leads elsewhere": [
        "trust/test_policy.py::test_an_address_that_leads_elsewhere_is_refused_before_any_row",
        "test_checks.py::test_what_cannot_work_is_an_error",
    ],
    "secrets in errors, debug pages, representations, frames, logs and tables": [
        "trust/test_secrets.py::test_settings_that_cannot_work_show_nobody_a_secret",
        "trust/test_secrets.py::test_a_callable_that_raises_shows_nobody_the_other_secrets",
        "trust/test_secrets.py::test_a_way_that_is_barred_shows_nobody_a_secret",
        "trust/test_secrets.py::test_an_answer_that_goes_wrong_shows_nobody_a_secret",
        "trust/test_secrets.py::test_a_defect_in_the_middle_of_a_call_shows_nobody_a_secret",
        "trust/test_secrets.py::test_all_going_well_leaves_no_secret_either",
        "trust/test_secrets.py::test_a_time_out_that_is_no_exception_takes_no_secret_along",
        "trust/test_secrets.py::test_the_debug_output_of_the_libraries_shows_no_secret",
        "trust/test_secrets.py::test_an_error_of_the_shop_shows_nobody_our_settings",
        "test_checks.py::test_a_password_that_the_debug_page_would_show_is_an_error",
    ],
    "a server that repeats our request, or answers with a buyer's data": [
        "trust/test_secrets.py"
        "::test_a_server_that_repeats_the_request_brings_no_secret_into_rows_or_log",
        "trust/test_secrets.py::test_a_page_of_an_error_is_in_no_log",
        "alipay/test_answers.py::test_a_secret_that_is_sent_back_is_kept_nowhere",
        "alipay/test_answers.py::test_what_shows_nothing_is_dropped_from_a_line",
    ],
    "formulas, scripts and line breaks in what others wrote": [
        "trust/test_output.py::test_what_others_wrote_is_escaped_on_every_page",
        "trust/test_output.py::test_over_rest_everything_is_json_and_said_to_be_json",
        "trust/test_output.py::test_no_line_of_log_can_be_forged",
        "trust/test_notifications.py::test_what_a_stranger_writes_cannot_forge_a_log_line",
        "admin/test_export.py::test_no_cell_is_a_formula",
    ],
    # What may happen to the rows.
    "a user is deleted": [
        "trust/test_permissions.py::test_a_deleted_user_leaves_name_and_history_behind",
    ],
    "a payment or its history is deleted or edited": [
        "trust/test_permissions.py::test_what_has_a_history_is_protected_from_deletion",
        "trust/test_permissions.py::test_history_is_neither_edited_nor_deleted_through_the_admin",
    ],
    "an expired lease is taken by several workers": [
        "services/test_races.py"
        "::test_four_worker_processes_call_no_row_twice_while_its_lease_holds",
        "services/test_answer_table.py"
        "::test_an_answer_that_comes_after_its_claim_was_lost_still_counts",
    ],
    "a clock is set back": ["trust/test_attacks.py::test_a_clock_that_is_set_back_loses_nothing"],
    "a task carries more than an id": [
        "trust/test_attacks.py::test_a_task_message_that_is_no_known_id_does_nothing",
    ],
}


@cache
def defined_in(module):
    """Return the names of the tests that a module defines."""
    tree = ast.parse((TESTS / module).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_attack_is_carried_out_by_a_test_that_exists(attack):
    assert ATTACKS[attack]
    for test in ATTACKS[attack]:
        module, name = test.split("::")
        assert name in defined_in(module), test


@pytest.mark.django_db(transaction=True)
def test_a_clock_that_is_set_back_loses_nothing(gateway, pay, fall_due):
    """Due rows wait that much longer, or fall due when the clock is right again; none is lost."""
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE)
    services.cancel_payment(payment)
    with time_machine.travel(timezone.now().timestamp() - 7200, tick=True):
        assert services.process_due_cancellations().processed == 0
        later = pay("later")
        assert services.cancel_payment(later).status == "SUCCEEDED"
    fall_due()
    services.process_due_cancellations()
    payment.refresh_from_db()
    assert payment.status == "CANCELLED"
    assert gateway.payment(payment.payment_id).cancel_effects == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "key", ["", "1", "x", None, 7, {"a": 1}, "00000000-0000-4000-8000-000000000000"], ids=str
)
def test_a_task_message_that_is_no_known_id_does_nothing(gateway, pay, key):
    services.request_cancellation(pay())
    with pytest.raises((Cancellation.DoesNotExist, ValidationError)):
        services.process_cancellation(key)
    assert not gateway.calls
