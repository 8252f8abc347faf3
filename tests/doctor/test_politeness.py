"""What the doctor never does, whatever a server says."""

from shared.doctor.visit import Visit, visit
from tests.doctor.person import nobody
from tests.doctor.zoo.faults_login import SigningIn


class ApprovesByItself(SigningIn):
    """Sends whoever comes straight back to the client with a code."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def sign_in_page(self, number, **headers):
        query = self.waiting[number]
        self.asked.append(query["redirect_uri"])
        return self.send_back(query["redirect_uri"], {"code": "a", "state": query.get("state", ""), **self.iss()})


async def test_looking_at_the_sign_in_page_does_not_bring_the_answer_in_the_persons_place(run):
    model = ApprovesByItself()
    diagnosis = await run(model, login=True, person=nobody, wait_seconds=0.2)
    assert len(model.asked) == 1
    assert {f.id for f in diagnosis.findings} == {"login-not-answered"}


async def test_a_code_for_the_vendors_loopback_address_is_not_carried_there(knowledge):
    """Port 33418 may be another program's: the redirect is read and not followed."""
    model, asked = ApprovesByItself(), []
    await model.start()
    wanted = Visit(url=model.resource, register=True)
    diagnosis = await visit(wanted, knowledge=knowledge, open_page=nobody, on_ask=asked.append)
    await model.stop()
    assert {f.id for f in diagnosis.findings} == {"authorize-asks-nobody"}
    assert [what for what in asked if not what.split()[1].startswith(model.origin)] == []
