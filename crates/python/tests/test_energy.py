"""The energy meter from Python."""

import pytest

import tensegrity as tg


@pytest.fixture
def package(tmp_path):
    """A RAPL zone; the fixture's value sets its counter in microjoules."""
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (zone / "name").write_text("package-0\n")
    (zone / "max_energy_range_uj").write_text("262143328850\n")

    def count(microjoules):
        (zone / "energy_uj").write_text(f"{microjoules}\n")
        return tmp_path

    count(1_000_000)
    return count


def test_counters_are_read_exactly(package):
    with tg.energy.Meter(powercap_root=package(1_000_000)) as meter:
        package(4_000_000)
        with meter.span("epoch") as epoch:
            package(6_000_000)
    assert (meter.joules, epoch.joules) == (5.0, 2.0)
    assert meter.kwh == 5.0 / 3.6e6
    assert (meter.provenance, meter.scope, meter.backend) == ("measured", "package", "powercap")
    assert meter.by_domain == {"package-0": 5.0}
    assert meter.interval == (5.0, 5.0)
    assert meter.complete and meter.dropped == 0
    assert meter.seconds > 0 and meter.watts == pytest.approx(5.0 / meter.seconds)
    assert any("memory" in note for note in meter.notes)
    footprint = meter.footprint(pue=2, g_per_kwh=500)
    assert footprint["kwh"] == pytest.approx(1e1 / 3.6e6)
    assert footprint["co2_kg"] == pytest.approx(5.0 / 3.6e6)


def test_the_environment_names_the_root(package, monkeypatch):
    monkeypatch.setenv("TENSEGRITY_POWERCAP_ROOT", str(package(0)))
    used = [entry["backend"] for entry in tg.energy.probe() if entry["used"]]
    assert used[0] == "powercap"
    with tg.energy.Meter() as meter:
        package(500_000)
    assert meter.joules == 0.5


def test_an_exception_passes_and_is_metered(package):
    meter = tg.energy.Meter(package(0))
    with pytest.raises(KeyError):
        with meter:
            package(2_000_000)
            raise KeyError
    assert meter.joules == 2.0


def test_the_model_is_bounded(tmp_path):
    with tg.energy.Meter(tmp_path, backend="model", full_load_watts=30) as meter:
        sum(range(100_000))
    assert meter.provenance == "modelled"
    low, high = meter.interval
    assert low < meter.joules < high
    assert meter.idle_watts is None and meter.net_joules is None


def test_figures_need_an_end():
    meter = tg.energy.Meter(watts=1)
    with pytest.raises(RuntimeError, match="after the with block"):
        meter.joules
    with meter:
        with pytest.raises(RuntimeError, match="running already"):
            meter.__enter__()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"watts": -1}, "option watts"),
        ({"watts": float("nan")}, "option watts"),
        ({"backend": "nuclear"}, "known: powercap"),
        ({"scope": "galaxy"}, "scope"),
        ({"idle_seconds": -1}, "idle_seconds"),
        ({"interval": 0}, "option interval"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        tg.energy.Meter(**options)


def test_estimates():
    e = tg.energy.estimate(1515.43, 84, pue=1.58, lb_per_kwh=0.954, device="P100:8")
    assert round(e["kwh"]) == 201 and round(e["co2_lb"]) == 192
    assert [round(x) for x in e["cloud_usd"]] == [289, 981]
    with pytest.raises(ValueError, match="known: CHN"):
        tg.energy.estimate(1, 1, country="Atlantis")
    with pytest.raises(ValueError, match="one of"):
        tg.energy.estimate(1, 1, country="FRA", g_per_kwh=3)
