"""A small study in which identifiers are planted wherever a hospital's files hold them; all of them are made up."""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import nibabel as nib
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from outcome.dictionary import HEADER
from tests.dicom_series import write_series

PATIENTS = 8
SIZE, SLICES = 8, 4
WITH_MR = (0, 1, 6, 7)
KEY = "5a17c9d2e84b306f" * 4
# What each is, and how it is spelled in the source. None may be found in anything that leaves.
PLANTED = {
    "surname": "Whitcombe",
    "first name": "Eleanora",
    "record number": "84512067",
    "case id": "OP-84512067-A",
    "telephone": "+44 7700 900417",
    "e-mail": "ewhitc@kestrelford.example",
    "address": "17 Larkspur Crescent",
    "date of birth": "1947-03-11",
    "date of surgery": "2021-10-27",
    "time of surgery": "08:43:19",
    "site": "Kestrelford General",
    "insurance number": "QX-55-90-12-K",
    "free text": "Auchinleck",
    "name in a list of codes": "Nethersole",
    "text in a number": "Gallowglass",
    "text in a choice": "Zeitgeistmann",
    "dictionary's section": "Ravensbourne",
    "dictionary's annotation": "Sotheby-Marchmont",
    "folder": "Marjoribanks",
    "source folder": "Fotheringay",
    "DICOM file name": "Cholmondeley",
    "DICOM name": "Thistlewood",
    "DICOM id": "RAD7719345",
    "DICOM birth date": "19470312",
    "DICOM other name": "Ollerenshaw",
    "DICOM private element": "Quenneville",
    "DICOM comment": "Bartholomea",
    "DICOM sequence": "Featherstonehaugh",
    "DICOM accession number": "ACC77120394",
    "DICOM institution": "Infirmary of Dunwoody",
    "DICOM serial number": "SN-4471-0932",
    "DICOM image type": "BRACEGIRDLE",
    "DICOM overlay": "OVERLAYDUCHESNE",
    "DICOM study UID": "1.2.826.0.1.3680043.9.84512.17",
    "DICOM instance UID": "1.2.826.0.1.3680043.9.84512.99",
    "DICOM study date": "20211019",
    "DICOM time": "141537.482910",
    "DICOM sender": "AE_WYNTHROPE",
    "DICOM trailing": "TRAILERHAWTREY",
    "NIfTI description": "Pemberton-Smythe",
    "NIfTI auxiliary file": "pembert_ax.par",
    "NIfTI extension": "Wolstenholme",
    "gzip name": "Vanderplank_ct.nii",
}
_VARIABLES = (
    ("opcode", "text", "Operation", "", "", "y", "@AVAILABILITY='preoperative'"),
    ("mrn", "text", "Record number", "", "", "y", "@AVAILABILITY='preoperative'"),
    ("name", "text", "Name", "", "", "y", ""),
    ("phone", "text", "Telephone", "", "", "y", ""),
    ("email", "text", "Mail", "", "", "y", ""),
    ("address", "text", "Address", "", "", "y", ""),
    ("born", "text", "Born", "", "date_ymd", "y", "@AVAILABILITY='preoperative'"),
    ("hospital", "text", "Hospital", "", "", "", "@AVAILABILITY='preoperative' @ROLE='site'"),
    ("surgery", "text", "Surgery", "", "date_ymd", "", "@AVAILABILITY='preoperative'"),
    ("discharge", "text", "Discharge", "", "date_ymd", "", ""),
    ("age", "text", "Age", "", "number", "", "@AVAILABILITY='preoperative' @ROLE='predictor,subgroup' @UNIT='years'"),
    ("asa", "radio", "ASA class", "1, I | 2, II | 3, III", "", "", "@AVAILABILITY='preoperative' @ROLE='predictor'"),
    ("note", "notes", "Note", "", "", "", "@AVAILABILITY='preoperative'"),
    ("codes", "text", "Codes", "", "", "", "@AVAILABILITY='preoperative' @DEFAULT='Sotheby-Marchmont'"),
    ("complication", "yesno", "Complication", "", "", "", "@ROLE='endpoint' @SOURCE='Complication (Ravensbourne)'"),
)
STUDY = """schema_version: 1
name: planted
title: Operations of two hospitals
root: .
dictionary: dictionary.csv
table: {format: csv, path: table.csv, separator: ";"}
case_id: opcode
patient_id: mrn
site: hospital
index_time: surgery
images:
  ct: "Marjoribanks/{case_id}/ct.nii.gz"
  mr: "Marjoribanks/{case_id}/mr"
mask: {pattern: "Marjoribanks/{case_id}/mask.nii.gz", "on": ct, regions: {tumor: 1}}
inclusion:
  - {variable: surgery, at_least: 2020-01-01, reason: operated from 2020}
endpoints:
  complication: {kind: binary, event: {variable: complication, equals: true}, horizon_days: 30}
partitions:
  early: {relation: development, where: [{variable: surgery, below: 2022-01-01}]}
  late: {relation: temporal, where: [{variable: surgery, at_least: 2022-01-01}]}
training: {outer_folds: 2, inner_folds: 2, bootstraps: 2, min_events: 2, few_events: 2, families: [ridge]}
"""


def write_planted_study(folder: Path) -> Path:
    """The study below `folder`, in a folder that bears a name; returns its study file."""
    root = folder / PLANTED["source folder"]
    root.mkdir(parents=True)
    (root / "study.yaml").write_text(STUDY, encoding="utf-8")
    _write_dictionary(root / "dictionary.csv")
    rows = [_row(number) for number in range(PATIENTS)]
    with open(root / "table.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for number, row in enumerate(rows):
        _write_images(root / "Marjoribanks" / row["opcode"], number)
    return root / "study.yaml"


def write_key(folder: Path) -> Path:
    """A key file as it should be."""
    path = folder / "study.key"
    path.write_text(KEY + "\n", encoding="ascii")
    os.chmod(path, 0o600)
    return path


def _write_dictionary(path: Path) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER, lineterminator="\n")
        writer.writeheader()
        for name, kind, label, choices, validation, identifier, annotation in _VARIABLES:
            cells = (name, "cases", "Ravensbourne ward", kind, label, choices, "", validation, "", "", identifier)
            row = dict(zip(HEADER, (*cells, *[""] * (len(HEADER) - len(cells))), strict=True))
            writer.writerow({**row, HEADER[-1]: annotation})


def _row(number: int) -> dict[str, str]:
    """A patient; the first is the one whose identifiers are listed, the others have their like."""
    first, year = number == 0, 2021 if number < PATIENTS - 2 else 2022  # the last two come later
    told = {
        "opcode": PLANTED["case id"] if first else f"OP-7000{number}321-A",
        "mrn": PLANTED["record number"] if first else f"7000{number}321",
        "name": f"{PLANTED['surname']}, {PLANTED['first name']}" if first else f"Nobody{number}, Nora",
        "phone": PLANTED["telephone"] if first else f"+44 7700 90050{number}",
        "email": PLANTED["e-mail"] if first else f"nobody{number}@kestrelford.example",
        "address": PLANTED["address"] if first else f"{number} Nowhere Road",
        "born": PLANTED["date of birth"] if first else f"195{number}-06-1{number}",
        "hospital": PLANTED["site"] if number % 2 == 0 else "Eastmere",
        "surgery": f"{PLANTED['date of surgery']} {PLANTED['time of surgery']}" if first else f"{year}-0{number}-15",
        "discharge": "2021-11-03" if first else f"{year}-0{number}-2{number}",
        "age": PLANTED["text in a number"] if number == 1 else str(50 + 5 * number),
        "asa": PLANTED["text in a choice"] if number == 2 else str(1 + number % 3),
        "note": f"Mrs {PLANTED['free text']} rang",
        "codes": {0: f"C22.0; {PLANTED['surname']}", 3: PLANTED["name in a list of codes"]}.get(number, "C22.0"),
        "Complication (Ravensbourne)": "yes" if number in (1, 2, 5, 7) else "no",
        "insurance_no": PLANTED["insurance number"],
    }  # fmt: skip
    return {**told, "name": f"{told['name']} {PLANTED['name in a list of codes']}"} if number == 3 else told


def _write_images(folder: Path, number: int) -> None:
    rng, planted, shape = np.random.default_rng(number), number == 0, (SIZE, SIZE, SIZE)
    folder.mkdir(parents=True)
    labels = np.zeros(shape, dtype=np.uint8)
    labels[2:6, 2:6, 2:6] = 1
    _write_nifti(folder / "ct.nii.gz", rng.integers(-100, 200, shape).astype(np.int16), planted=planted)
    _write_nifti(folder / "mask.nii.gz", labels, planted=planted)
    if number not in WITH_MR:
        return
    planes = rng.integers(0, 4096, (SLICES, SIZE, SIZE)).astype(np.uint16)
    write_series(folder / "mr", planes, _plant if planted else _own_study(number), modality="MR")
    if planted:
        for path in sorted((folder / "mr").iterdir()):
            path.rename(path.with_name(f"{PLANTED['DICOM file name']}_{path.name}.dcm"))
        _after_the_fact(folder / "mr")


def _write_nifti(path: Path, array: np.ndarray, *, planted: bool) -> None:
    image = nib.Nifti1Image(array, np.diag((2.0, 2.0, 2.0, 1.0)))
    if planted:
        image.header["descrip"] = PLANTED["NIfTI description"].encode()
        image.header["aux_file"] = PLANTED["NIfTI auxiliary file"].encode()
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", PLANTED["NIfTI extension"].encode()))
    with open(path, "wb") as out, gzip.GzipFile(PLANTED["gzip name"], "wb", fileobj=out, mtime=1634653000) as packed:
        packed.write(image.to_bytes())


def _own_study(number: int):  # type: ignore[no-untyped-def]
    def change(_: int, data: Dataset) -> None:
        data.StudyInstanceUID, data.SeriesInstanceUID = f"1.2.3.{number}", f"1.2.3.{number}.1"

    return change


def _plant(number: int, data: Dataset) -> None:
    """Everything that a header may say of a person, in one slice as in all."""
    data.PatientName, data.PatientID = f"{PLANTED['DICOM name']}^Maximilian", PLANTED["DICOM id"]
    data.PatientBirthDate, data.OtherPatientNames = PLANTED["DICOM birth date"], f"{PLANTED['DICOM other name']}^M"
    data.StudyInstanceUID = PLANTED["DICOM study UID"]
    data.SOPInstanceUID = f"{PLANTED['DICOM instance UID']}.{number + 1}"
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = PLANTED["DICOM study date"]
    data.AcquisitionTime, data.AccessionNumber = PLANTED["DICOM time"], PLANTED["DICOM accession number"]
    data.InstitutionName, data.DeviceSerialNumber = PLANTED["DICOM institution"], PLANTED["DICOM serial number"]
    data.ImageComments = f"sister of {PLANTED['DICOM comment']}"
    data.ImageType = ["ORIGINAL", "PRIMARY", PLANTED["DICOM image type"]]
    item = Dataset()
    item.RequestedProcedureDescription = f"asked by {PLANTED['DICOM sequence']}"
    data.RequestAttributesSequence = Items([item])
    block = data.private_block(0x0043, "OWNER", create=True)
    block.add_new(0x01, "LO", PLANTED["DICOM private element"])
    overlay = PLANTED["DICOM overlay"].encode()
    data.add_new(0x60003000, "OW", overlay + b"\0" * (len(overlay) % 2))
    data.add_new(0xFFFCFFFC, "OB", PLANTED["DICOM trailing"].encode())


def _after_the_fact(folder: Path) -> None:
    """What stands in the file's own header, which the writer of series does not know."""
    import pydicom

    for path in folder.iterdir():
        data = pydicom.dcmread(path)
        data.file_meta.SourceApplicationEntityTitle = PLANTED["DICOM sender"]
        data.save_as(path, enforce_file_format=True)
