"""The sets as they are published, in small; torchvision reads those that it knows."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from robustify.errors import InvalidInputError
from robustify.types import DEFAULT_TEMPLATE
from tests.pictures import encoded, pixels
from workers.evaluation.data.dataset import Dataset, samples_of
from workers.evaluation.data.isic import COLUMNS
from workers.evaluation.data.names import Known, imagenet_wnids
from workers.evaluation.data.paper_sets import Prompts, paper_set, paper_sets
from workers.evaluation.data.reading import read_dataset

PLANTS = (
    "Apple___Apple_scab", "Apple___Black_rot", "Apple___Cedar_apple_rust", "Apple___healthy", "Blueberry___healthy",
    "Cherry_(including_sour)___Powdery_mildew", "Cherry_(including_sour)___healthy",
    "Corn_(maize)___Cercospora_leaf_spot Gray_leaf_spot", "Corn_(maize)___Common_rust_",
    "Corn_(maize)___Northern_Leaf_Blight", "Corn_(maize)___healthy", "Grape___Black_rot",
    "Grape___Esca_(Black_Measles)", "Grape___Leaf_blight_(Isariopsis_Leaf_Spot)", "Grape___healthy",
    "Orange___Haunglongbing_(Citrus_greening)", "Peach___Bacterial_spot", "Peach___healthy",
    "Pepper,_bell___Bacterial_spot", "Pepper,_bell___healthy", "Potato___Early_blight", "Potato___Late_blight",
    "Potato___healthy", "Raspberry___healthy", "Soybean___healthy", "Squash___Powdery_mildew",
    "Strawberry___Leaf_scorch", "Strawberry___healthy", "Tomato___Bacterial_spot", "Tomato___Early_blight",
    "Tomato___Late_blight", "Tomato___Leaf_Mold", "Tomato___Septoria_leaf_spot",
    "Tomato___Spider_mites Two-spotted_spider_mite", "Tomato___Target_Spot",
    "Tomato___Tomato_Yellow_Leaf_Curl_Virus", "Tomato___Tomato_mosaic_virus", "Tomato___healthy",
)  # fmt: skip
EUROSAT = (
    "AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial", "Pasture", "PermanentCrop", "Residential",
    "River", "SeaLake",
)  # fmt: skip


def picture(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(pixels(8, 8, seed), "JPEG"))


def read(name: str, folder: Path, split: str | None = None) -> Dataset:
    return read_dataset(folder, split, 8, paper_set=paper_set(name))


def named_files(dataset: Dataset) -> dict[str, str]:
    return {
        sample.file: dataset.class_names[sample.label] for sample in samples_of(dataset) if sample.tensor is not None
    }


def test_twelve_sets_have_names_and_templates() -> None:
    """As many names as classes, no two the same, and templates with one place for them."""
    assert len(paper_sets()) == 12
    for found in paper_sets():
        assert found.class_names is None or len(set(found.class_names)) == found.classes
        for prompts in Prompts:
            assert all(template.count("{}") == 1 for template in found.templates(prompts))
    assert paper_set("dtd").templates(Prompts.USUAL) == (DEFAULT_TEMPLATE,)
    assert paper_set("DTD").templates(Prompts.PAPER) == ("A surface with a {} texture.",)
    assert len(paper_set("ImageNet").templates(Prompts.CLIP)) == 80
    assert paper_set("ISIC2018").templates(Prompts.CLIP) == ("A skin photo of {}.",)
    with pytest.raises(InvalidInputError, match="one of ImageNet, STL10"):
        paper_set("CIFAR11")


def test_imagenet_is_read_by_its_ids(tmp_path: Path) -> None:
    """The 1,000 ids are in the order of the names; an own classifier's names win."""
    assert len(set(imagenet_wnids())) == 1000
    assert list(imagenet_wnids()) == sorted(imagenet_wnids())
    picture(tmp_path / "val" / "n04008634" / "a.JPEG")
    picture(tmp_path / "val" / "n01440764" / "a.JPEG")

    assert read("ImageNet", tmp_path, "val").class_names == ("tench", "missile (2)")
    own = tuple(f"own {number}" for number in range(1000))
    dataset = read_dataset(tmp_path, "val", 8, known=Known(own), paper_set=paper_set("imagenet"))
    assert dataset.class_names == ("own 0", "own 744")


def test_crop_diseases_are_named_in_the_order_of_the_folders(tmp_path: Path) -> None:
    """The names are those of the paper, and each shares a word with its folder; one missing folder is noticed."""
    for folder in PLANTS:
        picture(tmp_path / folder / "a.JPG")
    found = named_files(read("CropDiseases", tmp_path))

    assert len(found) == 38
    assert found["Pepper,_bell___healthy/a.JPG"] == "Bell Pepper healthy"
    assert found["Tomato___Tomato_mosaic_virus/a.JPG"] == "Tomato Mosaic Virus"
    (tmp_path / "Peach___healthy" / "a.JPG").unlink()
    (tmp_path / "Peach___healthy").rmdir()
    with pytest.raises(InvalidInputError, match="38 class folders; here are 37"):
        read("CropDiseases", tmp_path)
    picture(tmp_path / "Zebra" / "a.JPG")
    with pytest.raises(InvalidInputError, match="stands where .* is expected"):
        read("CropDiseases", tmp_path)


def test_isic_is_read_from_its_table(tmp_path: Path) -> None:
    """The marked column is the class; pictures that it does not name are counted; a row marks one class."""
    folder, table = tmp_path / "ISIC2018_Task3_Training_Input", tmp_path / "ISIC2018_Task3_Training_GroundTruth.csv"
    for name in ("ISIC_1", "ISIC_2", "ISIC_9"):
        picture(folder / f"{name}.jpg")
    (folder / "ATTRIBUTION.txt").touch()
    header = "image," + ",".join(COLUMNS)
    table.write_text(f"{header}\nISIC_1,0.0,0.0,0.0,0.0,0.0,1.0,0.0\nISIC_2,1.0,0.0,0.0,0.0,0.0,0.0,0.0\n")
    dataset = read("ISIC2018", tmp_path)

    assert named_files(dataset) == {
        "ISIC2018_Task3_Training_Input/ISIC_1.jpg": "Dermatofibroma",
        "ISIC2018_Task3_Training_Input/ISIC_2.jpg": "Melanoma",
    }
    assert [found.count for found in dataset.report.left_out] == [1, 1]
    table.write_text(f"{header}\nISIC_1,0.0,0.0,0.0,0.0,0.0,0.0,0.0\n")
    with pytest.raises(InvalidInputError, match="marks 0 classes for ISIC_1"):
        read("ISIC2018", tmp_path)
    with pytest.raises(InvalidInputError, match="must hold ISIC2018_Task3_Training_Input"):
        read("ISIC2018", tmp_path, "test")


def test_stl10_is_read_one_picture_at_a_time(tmp_path: Path) -> None:
    """Bit for bit, from the file of all; one that is cut off says so from there on."""
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    stored = images.transpose(0, 3, 2, 1).tobytes()
    (folder / "test_X.bin").write_bytes(stored[:-5])
    (folder / "test_y.bin").write_bytes(bytes([2, 10, 1]))
    names = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]
    (folder / "class_names.txt").write_text("\n".join(names))
    dataset = read_dataset(tmp_path, None, 96, paper_set=paper_set("STL10"))
    found = list(samples_of(dataset))

    assert [dataset.class_names[sample.label] for sample in found] == ["bird", "truck", "airplane"]
    assert found[1].tensor is not None
    assert np.array_equal(found[1].tensor, images[1].transpose(2, 0, 1).astype(np.float32) / 255)
    assert found[2].problem == "test_X.bin ends before this picture: restore it."
    with pytest.raises(InvalidInputError, match="STL10 needs train_X.bin"):
        read("STL10", tmp_path, "train")


def food(root: Path) -> None:
    split = {"apple_pie": ["apple_pie/1", "apple_pie/2"], "beef_tartare": ["beef_tartare/3"]}
    (root / "food-101" / "meta").mkdir(parents=True)
    (root / "food-101" / "meta" / "test.json").write_text(json.dumps(split))
    for name in ("apple_pie/1", "apple_pie/2", "beef_tartare/3"):
        picture(root / "food-101" / "images" / f"{name}.jpg")


def pets(root: Path) -> None:
    folder = root / "oxford-iiit-pet"
    (folder / "annotations").mkdir(parents=True)
    names = [name.replace(" ", "_") for name in paper_set("OxfordPets").names or ()]
    lines = [f"{name}_1 {number} 1 1" for number, name in enumerate(names, start=1)]
    (folder / "annotations" / "test.txt").write_text("\n".join(lines))
    for name in names:
        picture(folder / "images" / f"{name}_1.jpg")


def sun(root: Path) -> None:
    folder = root / "SUN397"
    for name in ("b/boat_deck", "a/apartment_building/outdoor"):
        picture(folder / name / "sun_a.jpg")
    (folder / "ClassName.txt").write_text("/a/apartment_building/outdoor\n/b/boat_deck\n")


def textures(root: Path) -> None:
    folder = root / "dtd" / "dtd"
    (folder / "labels").mkdir(parents=True)
    (folder / "labels" / "test1.txt").write_text("zigzagged/z_1.jpg\nbanded/b_1.jpg\n")
    picture(folder / "images" / "zigzagged" / "z_1.jpg")
    picture(folder / "images" / "banded" / "b_1.jpg")


def eurosat(root: Path) -> None:
    for name in EUROSAT:
        picture(root / "eurosat" / "2750" / name / f"{name}_1.jpg")
    (root / "eurosat" / "2750" / "Forest" / "._Forest_1.jpg").write_bytes(b"\0\5\26\7")


def caltech(root: Path) -> None:
    folder = root / "caltech101" / "101_ObjectCategories"
    first = ["Faces", "Faces_easy", "Leopards", "Motorbikes"]
    for name in [*first, "BACKGROUND_Google", *(f"a{number:03}" for number in range(97))]:
        picture(folder / name / "image_0001.jpg")
    (folder / "Faces" / ".DS_Store").touch()


def cars(root: Path) -> None:
    folder = root / "stanford_cars"
    (folder / "devkit").mkdir(parents=True)
    names = np.array(["AM General Hummer SUV 2000", "Acura RL Sedan 2012"], dtype=object)
    scipy.io.savemat(folder / "devkit" / "cars_meta.mat", {"class_names": names})
    rows = np.array([("00001.jpg", 2), ("00002.jpg", 1)], dtype=[("fname", object), ("class", int)])
    scipy.io.savemat(folder / "cars_test_annos_withlabels.mat", {"annotations": rows})
    for name in ("00001.jpg", "00002.jpg"):
        picture(folder / "cars_test" / name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "make", "expected"),
    [
        ("Food101", food, {"food-101/images/apple_pie/2.jpg": "apple pie"}),
        ("OxfordPets", pets, {"oxford-iiit-pet/images/Yorkshire_Terrier_1.jpg": "Yorkshire Terrier"}),
        ("SUN397", sun, {"SUN397/a/apartment_building/outdoor/sun_a.jpg": "apartment building outdoor"}),
        ("DTD", textures, {"dtd/dtd/images/zigzagged/z_1.jpg": "zigzagged"}),
        ("EuroSAT", eurosat, {"eurosat/2750/SeaLake/SeaLake_1.jpg": "lake or sea"}),
        ("Caltech", caltech, {"caltech101/101_ObjectCategories/Leopards/image_0001.jpg": "leopard"}),
        ("StanfordCars", cars, {"stanford_cars/cars_test/00001.jpg": "Acura RL Sedan 2012"}),
    ],
)  # fmt: skip
def test_set_of_torchvision(tmp_path: Path, name: str, make: Callable[[Path], None], expected: dict[str, str]) -> None:
    """Each file has the name of its class, whatever hidden files lie beside it; without files nothing is made.

    The first import of torchvision takes seconds.
    """
    with pytest.raises(InvalidInputError, match="needs the folder"):
        read(name, tmp_path)
    assert list(tmp_path.iterdir()) == []
    make(tmp_path)
    dataset = read(name, tmp_path)
    found = named_files(dataset)

    assert expected.items() <= found.items()
    assert all(sample.problem is None for sample in samples_of(dataset))


@pytest.mark.slow
def test_set_of_torchvision_with_another_class_is_refused(tmp_path: Path) -> None:
    """A folder more would shift the names of all that come behind it."""
    eurosat(tmp_path)
    picture(tmp_path / "eurosat" / "2750" / "Glacier" / "a.jpg")
    with pytest.raises(InvalidInputError, match="EuroSAT has 10 classes; here are 11"):
        read("EuroSAT", tmp_path)
    with pytest.raises(InvalidInputError, match="EuroSAT has no splits"):
        read("EuroSAT", tmp_path, "test")


@pytest.mark.slow
def test_flowers_when_their_tables_are_damaged(tmp_path: Path) -> None:
    """torchvision's own checks hold, in one sentence without advice to download."""
    picture(tmp_path / "flowers-102" / "jpg" / "image_00001.jpg")
    with pytest.raises(InvalidInputError, match="torchvision cannot read Flowers102: Dataset not found or corrupted.$"):
        read("Flowers102", tmp_path)
