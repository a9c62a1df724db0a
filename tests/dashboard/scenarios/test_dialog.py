"""Orders are given in a dialog: what was typed stays, and only what was shown can be ordered."""

import re

import pytest
from node import wait_for

REASON = "new power supply in rack 7"


def open_dialog(screen, site="fra"):
    screen.open(f"/sites/{site}")
    screen.page.locator(f"a[href^='/drain?site={site}&kind=drain']").first.click()
    dialog = screen.page.get_by_role("dialog")
    dialog.wait_for()
    return dialog


def order_button(dialog):
    return dialog.get_by_role("button", name="Order it")


def wait_for_preview(dialog):
    dialog.locator("#drain-preview[aria-busy=false]").wait_for()


def test_no_order_without_reason_end_and_finished_preview(new_screen, node, sign_in):
    screen = sign_in(new_screen(node))
    dialog = open_dialog(screen)
    wait_for_preview(dialog)
    button, missing = order_button(dialog), dialog.locator("#drain-missing")
    assert button.is_disabled() and "Say why" in missing.inner_text() and "Say until when" in missing.inner_text()
    assert "It cannot be ordered" not in dialog.inner_text(), "nothing is wrong but that something is missing"
    dialog.get_by_label("Reason").fill(REASON)
    wait_for_preview(dialog)
    assert button.is_disabled() and "Say until when" in missing.inner_text()
    dialog.get_by_role("radio", name="after").check()
    wait_for_preview(dialog)
    wait_for("it can be ordered", button.is_enabled)
    # A preview that does not come keeps the order back.
    held = []
    screen.page.route("**/drain", lambda route: held.append(route))
    dialog.get_by_label("Share of the clients").fill("50")
    assert button.is_disabled() and "preview" in missing.inner_text()
    wait_for("the preview is asked for", lambda: held or screen.page.wait_for_timeout(20))
    assert button.is_disabled()
    screen.page.unroute("**/drain")
    wait_for("it can be ordered again", button.is_enabled)
    text = dialog.inner_text()
    assert "50%" in text and f"waypost drain fra --share 50% --for 4h --reason '{REASON}'" in text
    assert "mx-fra.example.org" in text and "caches let go of fra at" not in text, "a partial drain leaves the site in the answers"


def test_what_is_shown_is_what_happens(new_screen, node, sign_in):
    screen = sign_in(new_screen(node))
    dialog = open_dialog(screen)
    dialog.get_by_label("Reason").fill(REASON)
    dialog.get_by_role("radio", name="after").check()
    wait_for_preview(dialog)
    now, then = dialog.locator("#drain-preview table").first.locator("tbody td").all_inner_texts()
    assert "mx-fra" in now.splitlines()[0] and "mx-fra" not in then and "mx-iad" in then
    assert re.search(r"iad\s+\d+\s+\d+", dialog.locator("#drain-preview").inner_text()), "the load of the survivors"
    order_button(dialog).click()
    done = dialog.locator("[data-done]")
    done.wait_for()
    text = done.inner_text()
    assert "Ordered: drain fra" in text and "Followed by fra-ns1" in text and "waypost undrain fra" in text
    assert "aches let go of fra at" in text or "No cache names fra any more" in text
    assert re.search(r"Stands until 20\S+Z \((in 4 h|in 3 h 59 min)\), then ends by itself", text), "when it ends is said"
    order = node.status()["orders"][0]
    assert (order["reason"], order["by"]) == (REASON, "hand")
    # The way back is in the same place.
    done.get_by_role("link", name="Undo").click()
    wait_for_preview(dialog)
    # Lifting asks for no more than on the command line.
    for label in ["Share of the clients", "Begins at, UTC", "Ends at, UTC"]:
        assert not dialog.get_by_label(label).is_visible(), label
    wait_for("it can be lifted", order_button(dialog).is_enabled)
    order_button(dialog).click()
    dialog.locator("[data-done]", has_text="Lifted").wait_for()
    assert node.status()["orders"] == []


def test_typing_an_end_chooses_it_and_refusals_speak_of_the_form(new_screen, node, sign_in):
    screen = sign_in(new_screen(node))
    dialog = open_dialog(screen)
    dialog.get_by_label("Stands for").fill("73h")
    assert dialog.get_by_role("radio", name="after").is_checked()
    trouble = dialog.locator("#drain-preview .trouble", has_text="It cannot be ordered like this")
    trouble.wait_for()
    assert "choose 'only when somebody lifts it'" in trouble.inner_text() and "--" not in trouble.inner_text()
    assert "see the preview" in dialog.locator("#drain-missing").inner_text()
    dialog.get_by_label("Begins at, UTC").fill("2030-01-01T03:00")
    assert dialog.get_by_role("radio", name="at", exact=True).first.is_checked()


def test_an_order_says_what_it_takes_the_place_of(new_screen, node, sign_in):
    screen = sign_in(new_screen(node))
    node.order("isolate", "fra", "--for", "3h", "--reason", "fire", "--confirm=fra")
    dialog = open_dialog(screen)
    dialog.get_by_label("Reason").fill(REASON)
    dialog.get_by_role("radio", name="after").check()
    wait_for_preview(dialog)
    wait_for("it can be ordered", order_button(dialog).is_enabled)
    assert "Replaces isolate fra by" in dialog.locator("#drain-preview").inner_text()
    order_button(dialog).click()
    done = dialog.locator("[data-done]")
    done.wait_for()
    text = done.inner_text()
    assert "a drain is softer than an isolate" in text and re.search(r"waypost isolate fra --until \S+Z --reason 'fire'", text)


def test_twenty_events_leave_text_focus_and_cursor(new_screen, node, sign_in):
    screen = sign_in(new_screen(node))
    dialog = open_dialog(screen)
    reason = dialog.get_by_label("Reason")
    reason.fill(REASON)
    reason.focus()
    screen.page.keyboard.press("Home")
    screen.page.keyboard.press("ArrowRight")
    before = node.events()[-1]["id"]
    for round in range(10):
        node.order("drain", "nrt", "--for", "1h", "--reason", f"round {round}", "--yes")
        node.order("undrain", "nrt", "--reason", f"round {round}")
    last = node.events()[-1]["id"]
    assert last - before >= 20
    wait_for("the page has heard", lambda: int(screen.page.evaluate("document.documentElement.dataset.lastEvent")) >= last)
    wait_for_preview(dialog)
    assert reason.input_value() == REASON
    assert screen.page.evaluate("[document.activeElement.id, document.activeElement.selectionStart]") == ["drain-reason", 1]
    screen.page.keyboard.type("X")
    assert reason.input_value() == REASON[:1] + "X" + REASON[1:]


@pytest.mark.parametrize("size", [None, {"width": 375, "height": 667}], ids=["wide", "375x667"])
def test_a_whole_drain_by_keyboard_alone(new_screen, node, sign_in, size):
    screen = sign_in(new_screen(node, **({"viewport": size, "has_touch": True} if size else {})))
    screen.open("/sites/fra")
    page = screen.page
    keys = page.keyboard

    def tab_to(holds):
        for _ in range(80):
            if page.evaluate(f"(() => {{ const at = document.activeElement; return {holds}; }})()"):
                box = page.evaluate("(() => { const box = document.activeElement.getBoundingClientRect(); return [box.left, box.right, innerWidth]; })()")
                assert box[0] >= 0 and box[1] <= box[2] + 1, f"out of sight: {box}"
                return
            keys.press("Tab")
        raise AssertionError(f"never reached by Tab: {holds}")

    tab_to("at.matches(\"a[href^='/drain?'][href*='kind=drain']\")")
    keys.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    tab_to("at.name === 'ends'")
    keys.press("Space")
    tab_to("at.name === 'for'")
    keys.press("Control+A")
    keys.type("2h")
    tab_to("at.name === 'reason'")
    keys.type(REASON)
    wait_for_preview(dialog)
    wait_for("it can be ordered", order_button(dialog).is_enabled)
    tab_to("at.value === 'order'")
    keys.press("Enter")
    done = dialog.locator("[data-done]")
    done.wait_for()
    assert page.evaluate("document.activeElement.matches('[data-done]')"), "the outcome is read out"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing has to be moved sideways"
    order = node.status()["orders"][0]
    assert order["reason"] == REASON and 7100 < order["remaining_seconds"] <= 7200
    keys.press("Escape")
    dialog.wait_for(state="hidden")


def test_a_state_that_changed_under_the_dialog_is_shown_and_nothing_ordered(new_screen, node, sign_in):
    screen = sign_in(new_screen(node))
    dialog = open_dialog(screen)
    dialog.get_by_label("Reason").fill(REASON)
    dialog.get_by_role("radio", name="after").check()
    wait_for_preview(dialog)
    wait_for("it can be ordered", order_button(dialog).is_enabled)
    # Somebody else is faster than the news of it.
    held, answers = [], []

    def hold(route):
        if "step=order" in (route.request.post_data or ""):
            route.continue_()
        else:
            held.append(route)

    screen.page.route("**/drain", hold)
    screen.page.route("**/sites/**", lambda route: held.append(route))
    screen.page.on("response", lambda response: answers.append(response.status) if response.request.method == "POST" else None)
    node.order("drain", "iad", "--for", "1h", "--reason", "somebody else", "--yes")
    assert order_button(dialog).is_enabled()
    order_button(dialog).click()
    dialog.get_by_text("the state has changed since").wait_for()
    assert 409 in answers
    assert [order["scope"]["site"] for order in node.status()["orders"]] == ["iad"], "nothing was ordered"
    assert dialog.get_by_label("Reason").input_value() == REASON
    then = dialog.locator("#drain-preview table").first.locator("tbody td").all_inner_texts()[1]
    assert "mx-iad" not in then and "mx-nrt" in then, "the preview is of the new state"
    screen.page.unroute("**/drain")
    screen.page.unroute("**/sites/**")


def test_what_came_of_an_order_is_shown_though_the_state_changes_meanwhile(new_screen, node, sign_in):
    screen = sign_in(new_screen(node))
    dialog = open_dialog(screen)
    dialog.get_by_label("Reason").fill(REASON)
    dialog.get_by_role("radio", name="after").check()
    wait_for_preview(dialog)
    held = []
    # The order arrives, and the page hears of what follows before it hears the answer.
    screen.page.route("**/drain", lambda route: held.append((route, route.fetch())))
    order_button(dialog).click()
    wait_for("the order stands", lambda: screen.page.evaluate("0") == 0 and len(node.status()["orders"]) == 1)
    screen.wait_for_generation(node.generation())
    assert order_button(dialog).is_disabled(), "nothing is ordered twice"
    wait_for("the answer is there", lambda: screen.page.evaluate("0") == 0 and held)
    route, answer = held.pop()
    route.fulfill(response=answer)
    dialog.locator("[data-done]", has_text="Ordered: drain fra").wait_for()
    screen.page.unroute("**/drain")


def test_severe_orders_ask_for_the_name(new_screen, node, sign_in):
    screen = sign_in(new_screen(node))
    dialog = open_dialog(screen)
    dialog.get_by_role("radio", name=re.compile("^isolate")).check()
    dialog.get_by_label("Reason").fill(REASON)
    dialog.get_by_role("radio", name="after").check()
    wait_for_preview(dialog)
    confirm = dialog.get_by_label("Type fra to confirm")
    confirm.wait_for()
    assert order_button(dialog).is_disabled()
    confirm.fill("iad")
    assert order_button(dialog).is_disabled()
    confirm.fill("fra")
    wait_for("it can be ordered", order_button(dialog).is_enabled)
    order_button(dialog).click()
    dialog.locator("[data-done]", has_text="Ordered: isolate fra").wait_for()
    # The last site is refused by a rule, told in words.
    node.order("drain", "iad", "--for", "1h", "--reason", "x", "--confirm=iad")
    dialog.get_by_role("button", name="Close").click()
    dialog = open_dialog(screen, "nrt")
    dialog.locator("#drain-preview .trouble", has_text="It cannot be ordered like this").wait_for()
    assert order_button(dialog).is_disabled()
